// graphql-ws and ws as their documentation sets them up, with one subscription of events that come
// from memory: no database, no keys, no filters.

import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";

// Its packages lie in a folder of their own, outside of the checkout.
const require = createRequire(`${process.env.BENCH_PACKAGES}/`);
const { buildSchema } = require("graphql");
const { useServer } = require("graphql-ws/use/ws");
const { WebSocketServer } = require("ws");

const TYPES = `
  type Query { version: String }
  type Subscription { statusChanged: StatusEvent }
  type StatusEvent {
    cursor: String event: String kind: String nodeId: ID bucketId: ID collectionId: ID
    rootObjectId: ID version: Int previousStatus: String status: String error: String at: String
  }
`;

const events = new EventEmitter({ captureRejections: true }).setMaxListeners(0);

async function* follow() {
  const waiting = [];
  let wake = () => {};
  const take = (event) => {
    waiting.push(event);
    wake();
  };
  events.on("event", take);
  try {
    yield { statusChanged: null };
    for (;;) {
      while (waiting.length) yield { statusChanged: waiting.shift() };
      await new Promise((resolve) => (wake = resolve));
    }
  } finally {
    events.off("event", take);
  }
}

async function tell({ payloads, atOnce, everyS }) {
  const told = payloads.map((text) => JSON.parse(text).data.statusChanged);
  for (let start = 0; start < told.length; start += atOnce) {
    for (const event of told.slice(start, start + atOnce)) events.emit("event", event);
    await setTimeout(everyS * 1000);
  }
}

const http = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  tell(JSON.parse(Buffer.concat(chunks).toString()));
  response.end();
});
const schema = buildSchema(TYPES);
useServer(
  { schema, roots: { subscription: { statusChanged: follow } } },
  new WebSocketServer({ server: http, path: "/graphql" }),
);
http.listen({ fd: Number(process.env.BENCH_SOCKET) });
