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

// Servers take none much longer. What does not go into it is in the tab.
const LONGEST_ADDRESS = 4_000;

const place = document.getElementById("graphiql");
const address = location.origin + location.pathname;
const given = Object.fromEntries(new URLSearchParams(location.search));

function start() {
  const ask = GraphiQL.createFetcher({ url: address });
  const fetcher = (asked, options) =>
    isSubscription(asked) ? heard(follow(address, asked, options.headers)) : ask(asked, options);
  const settings = {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin(), eventsPlugin],
    defaultQuery: EXAMPLE,
    query: given.q,
    variables: given.variables,
    // The address can be shared: it never has the headers, which have a key.
    onEditQuery: (text) => write("q", text),
    onEditVariables: (text) => write("variables", text),
    onEditHeaders: show,
    defaultEditorToolsVisibility: "headers",
    inputValueDeprecation: true,
    storage,
    shouldPersistHeaders: true,
    showPersistHeadersSettings: false,
  };
  const root = ReactDOM.createRoot(place);
  // What a new tab begins with: the key of the one before.
  function show(defaultHeaders) {
    root.render(React.createElement(GraphiQL, { ...settings, defaultHeaders }));
  }
  show(storage.getItem("graphiql:headers") ?? HEADERS);
}

// GraphiQL's own reading of what is asked comes a moment after it.
function isSubscription({ query, operationName }) {
  const { getOperationAST, parse } = GraphiQL.GraphQL;
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false; // the gateway says what is wrong with it
  }
}

let shown; // the results of the last subscription

// The same results, each of which is noted on its way.
function heard(results) {
  shown?.return(); // two may begin before GraphiQL knows of the first
  shown = results;
  events.clear();
  return {
    ...results,
    async next() {
      const step = await results.next();
      // GraphiQL would take the end of an earlier one for that of this one.
      if (results !== shown) return new Promise(() => {});
      if (!step.done) events.add(step.value);
      return step;
    },
  };
}

function write(name, text) {
  const url = new URL(location);
  url.searchParams.set(name, text);
  if (!text || url.href.length > LONGEST_ADDRESS) url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

if (window.GraphiQL) start();
else place.textContent = "GraphiQL itself comes from unpkg.com, which this browser does not reach.";
