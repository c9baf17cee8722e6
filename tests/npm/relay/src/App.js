// An application on Relay: connections that are paged and appended to, all asked for by hash.
const assert = require("node:assert/strict");
const test = require("node:test");

const {
  ConnectionHandler,
  Environment,
  Network,
  RecordSource,
  Store,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getFragment,
  getPaginationMetadata,
  getPaginationVariables,
  getRequest,
  getSingularSelector,
  getVariablesFromFragment,
} = require("relay-runtime");

// What Relay's plugin for Babel does: a tag stands for what the compiler wrote.
const graphql = ([text]) => require(`../artifacts/${/(?:query|mutation|fragment) (\w+)/.exec(text)[1]}.graphql`);

const QUERY = graphql`
  query AppQuery($count: Int!) {
    viewer { namespace { id namespaceName } }
    ...App_buckets @arguments(count: $count)
  }
`;
const BUCKETS = graphql`
  fragment App_buckets on Query
  @refetchable(queryName: "AppBucketsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    buckets(first: $count, after: $cursor) @connection(key: "App_buckets") {
      totalCount
      edges { node { id bucketName ...App_objects } }
    }
  }
`;
const OBJECTS = graphql`
  fragment App_objects on Bucket
  @refetchable(queryName: "AppObjectsQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" }) {
    objects(first: $count, after: $cursor, orderBy: [{ field: CREATED_AT }])
      @connection(key: "App_objects", filters: []) {
      edges { node { id keyPrefix } }
    }
  }
`;
const CREATE_BUCKET = graphql`
  mutation AppCreateBucketMutation($input: CreateBucketInput!, $connections: [ID!]!) {
    createBucket(input: $input) {
      bucket @appendNode(connections: $connections, edgeTypeName: "BucketEdge") { id bucketName }
      errors { __typename code message path ... on ConflictError { existing { id } } }
    }
  }
`;
const CREATE_OBJECTS = graphql`
  mutation AppCreateObjectsMutation($inputs: [CreateObjectInput!]!) {
    createObjects(inputs: $inputs) { succeeded failed results { object { id } } }
  }
`;

async function ask({ id, text }, variables) {
  assert.equal(text, null); // the gateway has it
  const response = await fetch(process.env.ENDPOINT_URL, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...JSON.parse(process.env.ENDPOINT_HEADERS) },
    body: JSON.stringify({ variables, extensions: { persistedQuery: { version: 1, sha256Hash: id } } }),
  });
  return response.json();
}

const environment = new Environment({
  network: Network.create(ask),
  store: new Store(new RecordSource()),
});

const mutate = (mutation, variables) =>
  new Promise((onCompleted, onError) =>
    commitMutation(environment, { mutation, variables, onCompleted, onError }),
  );

// Keeps what was read, so that the store does; returns how to look at it.
async function load(query, variables) {
  await fetchQuery(environment, query, variables).toPromise();
  const operation = createOperationDescriptor(getRequest(query), variables);
  environment.retain(operation);
  return () => environment.lookup(operation.fragment).data;
}

const read = (fragment, reference) =>
  environment.lookup(getSingularSelector(getFragment(fragment), reference)).data;

// What usePaginationFragment's loadNext does, without React.
async function loadNext(fragment, reference, count) {
  const node = getFragment(fragment);
  const { connectionPathInFragmentData, identifierField, paginationMetadata, paginationRequest } =
    getPaginationMetadata(node, "App");
  const data = read(fragment, reference);
  const connection = connectionPathInFragmentData.reduce((value, key) => value[key], data);
  const variables = getPaginationVariables(
    "forward",
    count,
    connection.pageInfo.endCursor,
    getVariablesFromFragment(node, reference),
    {},
    paginationMetadata,
  );
  await load(paginationRequest, identifierField ? { ...variables, id: data[identifierField] } : variables);
}

const newBucket = (bucketName) => ({
  bucketName,
  bucketSchema: { properties: { text: { type: "text" } } },
});

async function create(...names) {
  for (const name of names) {
    const { createBucket } = await mutate(CREATE_BUCKET, { input: newBucket(name), connections: [] });
    assert.deepEqual(createBucket.errors, []);
  }
}

test("pages grow by their cursors, and by what is made", async () => {
  await create("b1", "b2", "b3");
  const shown = await load(QUERY, { count: 2 });
  const names = () => read(BUCKETS, shown()).buckets.edges.map(({ node }) => node.bucketName);
  assert.deepEqual(names(), ["b1", "b2"]);

  await loadNext(BUCKETS, shown(), 2);
  assert.deepEqual(names(), ["b1", "b2", "b3"]);
  assert.equal(read(BUCKETS, shown()).buckets.pageInfo.hasNextPage, false);

  const connections = [ConnectionHandler.getConnectionID("client:root", "App_buckets")];
  await mutate(CREATE_BUCKET, { input: newBucket("b4"), connections });
  assert.deepEqual(names(), ["b1", "b2", "b3", "b4"]);
});

test("a list of a node is paged by the node's id", async () => {
  const shown = await load(QUERY, { count: 1 });
  const [{ node: bucket }] = read(BUCKETS, shown()).buckets.edges;
  const inputs = ["o1", "o2", "o3"].map((keyPrefix) => ({ bucketId: bucket.id, keyPrefix }));
  const { createObjects } = await mutate(CREATE_OBJECTS, { inputs });
  assert.equal(createObjects.succeeded, 3);

  await load(QUERY, { count: 1 });
  const paths = () => read(OBJECTS, bucket).objects.edges.map(({ node }) => node.keyPrefix);
  assert.deepEqual(paths(), ["o1", "o2"]);
  await loadNext(OBJECTS, bucket, 2);
  assert.deepEqual(paths(), ["o1", "o2", "o3"]);
});

test("what a caller can mend is data", async () => {
  const input = newBucket("twice");
  await create("twice");

  const { createBucket } = await mutate(CREATE_BUCKET, { input, connections: [] });

  assert.equal(createBucket.bucket, null);
  const [error] = createBucket.errors;
  assert.deepEqual([error.__typename, error.code], ["ConflictError", "ALREADY_EXISTS"]);
  assert.match(error.existing.id, /^bkt_/);
});

test("errors of a request are thrown", async () => {
  await assert.rejects(load(QUERY, { count: -1 }), /first/);
});
