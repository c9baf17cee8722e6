// Follows a bucket with the code of docs/subscriptions.md, extracted into FOLDER; what it is told, as
// lines of JSON.
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";

globalThis.WebSocket ??= WebSocket; // as browsers have it
const { FOLDER, CLIENT, ASKED_URL, BUCKET, STATE, EVENTS } = process.env;
const headers = JSON.parse(process.env.ASKED_HEADERS);
const { follow } = await import(pathToFileURL(`${FOLDER}/follow.js`));
const { connect } = await import(pathToFileURL(`${FOLDER}/${CLIENT}.js`));

const tell = (what) => process.stdout.write(JSON.stringify(what) + "\n");

// The first time it begins at START, as if the state had been read then.
let start = process.env.START;
let fails = process.env.FAILS === "once";
async function read() {
  if (fails) {
    fails = false;
    throw new Error("the gateway is away");
  }
  const answer = await fetch(ASKED_URL, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify({ query: STATE, variables: { bucket: BUCKET } }),
  });
  const { data } = await answer.json();
  tell({ read: data.bucket.objects.nodes.length });
  const after = start ?? data.viewer.eventCursor;
  start = undefined;
  return after;
}

const beat = process.env.BEAT ? Number(process.env.BEAT) : undefined;
const stop = follow(connect(ASKED_URL, headers, beat), {
  query: EVENTS,
  variables: { filter: { bucketIds: [BUCKET], kinds: ["OBJECT"] } },
  read,
  onEvent: tell,
  onError: (error) => tell({ error: String(error?.message ?? JSON.stringify(error)) }),
});
process.stdin.on("end", () => (stop(), process.exit(0))).resume();
