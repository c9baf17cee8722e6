// Uses npm's graphql-sse as a frontend does: what each step of ASKED comes to, as lines of JSON.
import { createClient } from "graphql-sse";
import { steps } from "./steps.mjs";

const client = createClient({
  url: process.env.ASKED_URL,
  headers: JSON.parse(process.env.ASKED_HEADERS),
  retry: async () => {},
});
await steps.run(client);
