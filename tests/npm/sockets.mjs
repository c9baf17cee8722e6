// Uses npm's graphql-ws as a frontend does: what each step of ASKED comes to, as lines of JSON.
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { steps } from "./steps.mjs";

const client = createClient({
  url: process.env.ASKED_URL.replace(/^http/, "ws"),
  webSocketImpl: WebSocket,
  connectionParams: JSON.parse(process.env.ASKED_HEADERS),
  retryWait: async () => {},
  lazyCloseTimeout: 60_000,
  keepAlive: Number(process.env.ASKED_PING_MS ?? 0),
  on: {
    connected: (_socket, _payload, wasRetry) => steps.tell({ connected: { wasRetry } }),
    closed: ({ code, reason }) => steps.tell({ closed: { code, reason } }),
    pong: () => steps.tell("pong"),
  },
});
await steps.run(client);
