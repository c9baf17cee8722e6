// A typed program: the types come from the schema, and tsc refuses what the schema does.
import { GraphQLClient } from "graphql-request";

import { useFragment } from "./generated/fragment-masking.js";
import {
  CreateBucketDocument,
  CreateObjectDocument,
  LineageDocument,
  PageDocument,
  ShownFragmentDoc,
  type CreateBucketInput,
  type CreateObjectInput,
} from "./generated/graphql.js";

declare const process: { env: { ENDPOINT_URL: string; ENDPOINT_HEADERS: string } };

const client = new GraphQLClient(process.env.ENDPOINT_URL, {
  headers: JSON.parse(process.env.ENDPOINT_HEADERS) as Record<string, string>,
});

const input: CreateBucketInput = {
  bucketName: "typed",
  bucketSchema: { properties: { text: { type: "text" } } },
};
// @ts-expect-error - a bucket has to have a name
const nameless: CreateBucketInput = { bucketSchema: {} };
// @ts-expect-error - there is no such policy
const unknownPolicy: CreateObjectInput["policy"] = "REPLACE";
void [nameless, unknownPolicy];

const { createBucket } = await client.request(CreateBucketDocument, { input });
const bucket = createBucket.bucket;
if (bucket === null) throw new Error(JSON.stringify(createBucket.errors));
const bucketId = bucket.id;
const sizes: number[] = [bucket.totalSizeBytes, bucket.storageStats.maxSizeBytes];
const { createBucket: again } = await client.request(CreateBucketDocument, { input });
const conflicts = again.errors.map((each) =>
  each.__typename === "ConflictError" ? [each.code, each.existing?.id === bucketId] : each.path,
);

const ids: string[] = [];
for (const keyPrefix of ["a", "b", "c"]) {
  const blobs = [{ property: "text", type: "text", data: keyPrefix }];
  const { createObject } = await client.request(CreateObjectDocument, {
    input: { bucketId, keyPrefix, blobs },
  });
  if (!createObject.object) throw new Error(JSON.stringify(createObject.errors));
  ids.push(createObject.object.id);
}

async function page(after: string | null) {
  const filter = { status: { eq: "DRAFT" as const } };
  const variables = { bucket: bucketId, first: 2, after, filter };
  const found = (await client.request(PageDocument, variables)).bucket;
  if (found === null) throw new Error("the bucket is gone");
  return found.objects;
}

const shown: { path: string; hash: string; bytes: number }[] = [];
let after: string | null = null;
do {
  const objects: Awaited<ReturnType<typeof page>> = await page(after);
  for (const { node } of objects.edges) {
    const { keyPrefix, blobs } = useFragment(ShownFragmentDoc, node);
    const details = blobs[0]?.details;
    const hash = details?.hash ?? "";
    shown.push({ path: keyPrefix ?? "", hash, bytes: details?.sizeBytes ?? 0 });
  }
  after = objects.pageInfo.hasNextPage ? objects.pageInfo.endCursor : null;
} while (after !== null);

const { lineage } = await client.request(LineageDocument, { id: ids[0] ?? "" });
const kinds = lineage.nodes.map(({ node }) =>
  node.__typename === "BucketObject" ? `${node.__typename} ${node.status}` : node.__typename,
);
console.log(JSON.stringify({ name: bucket.bucketName, sizes, conflicts, shown, kinds }));
