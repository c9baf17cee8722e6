// urql as a frontend uses it: its core, with a cache and with hashes in place of queries.
import assert from "node:assert/strict";
import test from "node:test";

import { Client, cacheExchange, fetchExchange, gql } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";

import { headers, noting, url } from "./endpoint.mjs";

const CREATE = gql`
  mutation ($input: CreateCollectionInput!) {
    createCollection(input: $input) { collection { id } errors { code message path } }
  }
`;
const CREATE_BUCKET = gql`
  mutation ($input: CreateBucketInput!) {
    createBucket(input: $input) { bucket { id bucketName metadata } errors { code message path } }
  }
`;
const PAGE = gql`
  query ($first: Int!, $after: String, $path: String!) {
    buckets(first: $first, after: $after, filter: { metadata: [{ path: $path, exists: true }] }) {
      nodes { id bucketName }
      pageInfo { hasNextPage endCursor }
    }
  }
`;

function client({ fetch = globalThis.fetch, sending = headers, exchanges, ...more } = {}) {
  return new Client({
    url,
    exchanges: exchanges ?? [cacheExchange, fetchExchange],
    fetch,
    fetchOptions: { headers: sending },
    ...more,
  });
}

const bucketNamed = (bucketName, metadata) => ({
  bucketName,
  metadata,
  bucketSchema: { properties: { text: { type: "text" } } },
});

async function create(urql, name, metadata = {}) {
  const input = bucketNamed(name, metadata);
  const { data, error } = await urql.mutation(CREATE_BUCKET, { input }).toPromise();
  assert.equal(error, undefined);
  return data.createBucket;
}

test("is answered in JSON though it accepts streams", async () => {
  const { fetch, sent } = noting();

  const { data } = await client({ fetch }).query(gql`{ buckets { totalCount } }`, {}).toPromise();

  assert.equal(typeof data.buckets.totalCount, "number");
  assert.match(sent[0].accept, /text\/event-stream/);
  assert.equal(sent[0].type, "application/graphql-response+json");
});

test("goes through pages by their cursors", async () => {
  const urql = client();
  for (const name of ["p1", "p2", "p3", "p4", "p5"]) {
    assert.deepEqual((await create(urql, name, { paged: { by: name } })).errors, []);
  }

  const names = [];
  let after = null;
  do {
    const variables = { first: 2, after, path: "paged.by" };
    const { data } = await urql.query(PAGE, variables).toPromise();
    names.push(...data.buckets.nodes.map(({ bucketName }) => bucketName));
    after = data.buckets.pageInfo.hasNextPage ? data.buckets.pageInfo.endCursor : null;
  } while (after);
  assert.deepEqual(names, ["p1", "p2", "p3", "p4", "p5"]);
});

test("a list that was cached is read again after a mutation", async () => {
  const urql = client();
  const counted = gql`{ buckets { totalCount nodes { id } } }`;
  const before = await urql.query(counted, {}).toPromise();

  assert.deepEqual((await create(urql, "one more")).errors, []);
  const after = await urql.query(counted, {}).toPromise();

  assert.equal(after.data.buckets.totalCount, before.data.buckets.totalCount + 1);
});

test("what a caller can mend is data", async () => {
  const urql = client();
  const input = {
    collectionName: "c",
    source: { type: "BUCKET", bucketIds: ["bkt_unknown"] },
    featureExtractor: { name: "e", version: "1" },
  };

  const { data, error } = await urql.mutation(CREATE, { input }).toPromise();

  assert.equal(error, undefined);
  assert.equal(data.createCollection.collection, null);
  const [{ code, path }] = data.createCollection.errors;
  assert.deepEqual([code, path], ["NOT_FOUND", ["source", "bucketIds", "0"]]);
});

test("errors of a request have codes", async () => {
  const told = async (urql, query) => {
    const { error } = await urql.query(query, {}).toPromise();
    assert.equal(error.networkError, undefined);
    return error.graphQLErrors[0].extensions.code;
  };

  assert.equal(await told(client(), gql`{ nothing }`), "GRAPHQL_VALIDATION_FAILED");
  assert.equal(await told(client(), gql`{ buckets(first: 1001) { totalCount } }`), "BAD_USER_INPUT");
  assert.equal(await told(client({ sending: {} }), gql`{ buckets { totalCount } }`), "UNAUTHENTICATED");
});

test("a query is sent once, and then by its hash with GET", async () => {
  const { fetch, sent } = noting();
  const query = gql`query UrqlAlone { buckets { totalCount } }`;

  for (let n = 0; n < 2; n++) {
    const exchanges = [persistedExchange({ preferGetForPersistedQueries: true }), fetchExchange];
    const { data } = await client({ fetch, exchanges }).query(query, {}).toPromise();
    assert.equal(typeof data.buckets.totalCount, "number");
  }

  assert.deepEqual(sent.map(({ text }) => text), [false, true, false]);
  assert.equal(sent[2].method, "GET");
});
