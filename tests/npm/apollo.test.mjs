// Apollo Client as a frontend uses it: a cache that joins pages, mutations, errors, hashes of queries.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { relayStylePagination } from "@apollo/client/utilities";
import { first, firstValueFrom, map } from "rxjs";

import { headers, noting, url } from "./endpoint.mjs";

const CREATE = gql`
  mutation CreateBucket($input: CreateBucketInput!) {
    createBucket(input: $input) {
      bucket { id bucketName metadata createdAt }
      errors { code message path ... on ConflictError { existing { id ... on Bucket { bucketName } } } }
    }
  }
`;
const PATCH = gql`
  mutation ($input: PatchBucketInput!) {
    patchBucket(input: $input) { bucket { id description version } errors { message } }
  }
`;
const PAGE = gql`
  query Buckets($first: Int!, $after: String, $filter: BucketFilter) {
    buckets(first: $first, after: $after, filter: $filter) {
      edges { cursor node { id bucketName description } }
      pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
      totalCount
    }
  }
`;

function client({ fetch = globalThis.fetch, sending = headers, before = [] } = {}) {
  return new ApolloClient({
    link: ApolloLink.from([...before, new HttpLink({ uri: url, headers: sending, fetch })]),
    cache: new InMemoryCache({
      possibleTypes: { Node: ["Bucket"], UserError: ["FieldError", "ConflictError"] },
      typePolicies: { Query: { fields: { buckets: relayStylePagination(["filter"]) } } },
    }),
  });
}

const bucketNamed = (bucketName) => ({
  bucketName,
  bucketSchema: { properties: { text: { type: "text" } } },
});

async function create(apollo, ...names) {
  for (const name of names) {
    const { data } = await apollo.mutate({ mutation: CREATE, variables: { input: bucketNamed(name) } });
    assert.deepEqual(data.createBucket.errors, []);
  }
}

test("pages are joined in the cache, and a mutation's answer changes what they show", async () => {
  const apollo = client();
  const names = ["a1", "a2", "a3", "a4", "a5"];
  await create(apollo, ...names);
  const filter = { bucketName: { startsWith: "a" } };
  const watched = apollo.watchQuery({ query: PAGE, variables: { first: 2, filter } });
  const shown = (isWanted) =>
    firstValueFrom(
      watched.pipe(
        map(({ data }) => data?.buckets),
        first((page) => page && isWanted(page)),
      ),
    );

  let page = await shown(() => true);
  assert.deepEqual(page.edges.map(({ node }) => node.bucketName), ["a1", "a2"]);
  while (page.pageInfo.hasNextPage) {
    const { length } = page.edges;
    await watched.fetchMore({ variables: { after: page.pageInfo.endCursor } });
    page = await shown(({ edges }) => edges.length > length);
  }
  assert.deepEqual(page.edges.map(({ node }) => node.bucketName), names);
  assert.equal(page.totalCount, 5);

  const { id } = page.edges[2].node;
  await apollo.mutate({ mutation: PATCH, variables: { input: { id, description: "the third" } } });
  await shown(({ edges }) => edges[2].node.description === "the third");
});

test("what a caller can mend is data, with its type", async () => {
  const apollo = client();
  await create(apollo, "taken");

  const { data } = await apollo.mutate({ mutation: CREATE, variables: { input: bucketNamed("taken") } });

  const [error] = data.createBucket.errors;
  assert.equal(data.createBucket.bucket, null);
  assert.equal(error.__typename, "ConflictError");
  assert.equal(error.code, "ALREADY_EXISTS");
  assert.deepEqual(error.path, ["bucketName"]);
  assert.equal(error.existing.bucketName, "taken");
});

test("errors of a request have codes", async () => {
  const told = async (apollo, query, variables) => {
    const failure = await apollo.query({ query, variables }).catch((error) => error);
    assert.ok(CombinedGraphQLErrors.is(failure), failure);
    return failure.errors[0].extensions.code;
  };

  assert.equal(await told(client(), gql`{ nothing }`), "GRAPHQL_VALIDATION_FAILED");
  assert.equal(await told(client(), PAGE, { first: "x" }), "BAD_USER_INPUT");
  assert.equal(await told(client(), PAGE, { first: 1, after: "x" }), "BAD_USER_INPUT");
  assert.equal(
    await told(client({ sending: { "X-Namespace": "default" } }), PAGE, { first: 1 }),
    "UNAUTHENTICATED",
  );
});

test("a query is sent once, and then by its hash with GET", async () => {
  const { fetch, sent } = noting();
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const hashes = () => new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const query = gql`query OnlyHere { buckets { totalCount } }`;

  for (let n = 0; n < 2; n++) {
    const apollo = client({ fetch, before: [hashes()] });
    const { data } = await apollo.query({ query });
    assert.equal(typeof data.buckets.totalCount, "number");
  }

  assert.deepEqual(sent.map(({ method, text }) => [method, text]), [
    ["GET", false],
    ["POST", true],
    ["GET", false],
  ]);
  assert.deepEqual(new Set(sent.map(({ type }) => type)), new Set(["application/graphql-response+json"]));
});
