// graphql-request, the thin client of scripts.
import assert from "node:assert/strict";
import test from "node:test";

import { ClientError, GraphQLClient, gql } from "graphql-request";

import { headers, url } from "./endpoint.mjs";

const CREATE = gql`
  mutation ($input: CreateBucketInput!) {
    createBucket(input: $input) { bucket { id } errors { code } }
  }
`;
const BUCKET = gql`query ($name: String!) { bucket(name: $name) { id bucketName } }`;

test("mutates, and reads what it made by GET too", async () => {
  const client = new GraphQLClient(url, { headers });
  const input = { bucketName: "r1", bucketSchema: { properties: { text: { type: "text" } } } };

  const { createBucket } = await client.request(CREATE, { input });

  assert.deepEqual(createBucket.errors, []);
  const expected = { bucket: { id: createBucket.bucket.id, bucketName: "r1" } };
  assert.deepEqual(await client.request(BUCKET, { name: "r1" }), expected);
  const getting = new GraphQLClient(url, { headers, method: "GET", jsonSerializer: JSON });
  assert.deepEqual(await getting.request(BUCKET, { name: "r1" }), expected);
});

test("throws what is wrong with a request", async () => {
  const client = new GraphQLClient(url, { headers });
  const wrong = await client.request("{ nothing }").catch((error) => error);
  assert.ok(wrong instanceof ClientError);
  assert.equal(wrong.response.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
});

test("a batch is refused, and told how to send it", async () => {
  const client = new GraphQLClient(url, { headers });
  const several = [{ document: "{ buckets { totalCount } }" }, { document: "{ __typename }" }];
  const refused = await client.batchRequests(several).catch((error) => error);
  assert.ok(refused instanceof ClientError);
  assert.match(refused.response.errors[0].message, /batches are not taken/);
});
