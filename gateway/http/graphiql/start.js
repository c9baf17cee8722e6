"use strict";

const EXAMPLE = `# The key goes into "Headers", below.

query Buckets {
  buckets(first: 10) {
    nodes {
      id
      bucketName
      status
    }
  }
}

# Shown in "Events", on the left.
subscription Events {
  statusChanged {
    __typename
    ... on StatusEvent {
      event
      kind
      nodeId
      previousStatus
      status
      at
    }
  }
}
`;

const place = document.getElementById("graphiql");
const address = location.origin + location.pathname;
const given = Object.fromEntries(new URLSearchParams(location.search));

function start() {
  const ask = GraphiQL.createFetcher({ url: address });
  const fetcher = (asked, options) =>
    isSubscription(asked, options?.documentAST)
      ? heard(follow(address, asked, options.headers))
      : ask(asked, options);
  const page = React.createElement(GraphiQL, {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin(), eventsPlugin],
    defaultQuery: EXAMPLE,
    defaultHeaders: HEADERS,
    query: given.q,
    variables: given.variables,
    // The address can be shared: it never has the headers, which have a key.
    onEditQuery: (text) => write("q", text),
    onEditVariables: (text) => write("variables", text),
    defaultEditorToolsVisibility: "headers",
    inputValueDeprecation: true,
    storage,
    shouldPersistHeaders: true,
    showPersistHeadersSettings: false,
  });
  ReactDOM.createRoot(place).render(page);
}

function isSubscription({ operationName }, document) {
  return document?.definitions.some(
    (each) =>
      each.operation === "subscription" && (!operationName || each.name?.value === operationName),
  );
}

// The same results, each of which is noted on its way.
function heard(results) {
  events.clear();
  return {
    ...results,
    async next() {
      const step = await results.next();
      if (!step.done) events.add(step.value);
      return step;
    },
  };
}

function write(name, text) {
  const url = new URL(location);
  if (text) url.searchParams.set(name, text);
  else url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

if (window.GraphiQL) start();
else place.textContent = "GraphiQL itself comes from unpkg.com, which this browser does not reach.";
