// Reads requests as lines of JSON from the standard input; an empty one ends the program.
import { createInterface } from "node:readline";

const told = new Set();

export const steps = {
  // Says a thing once, however often it happens.
  tell(what) {
    const line = JSON.stringify(what);
    if (line !== '"pong"' || !told.has(line)) process.stdout.write(line + "\n");
    told.add(line);
  },

  async run(client) {
    const running = new Map();
    for await (const line of createInterface({ input: process.stdin })) {
      const { id, stop, payload } = JSON.parse(line);
      if (id === undefined) break;
      if (stop) {
        running.get(id)();
        continue;
      }
      const sink = {
        // The way to resume: what is asked again begins after what has come.
        next(result) {
          steps.tell({ id, next: result });
          if (payload.variables && result.data) payload.variables.after = result.data.told;
        },
        error: (error) =>
          steps.tell({ id, error: Array.isArray(error) ? error : String(error?.code ?? error) }),
        complete: () => steps.tell({ id, complete: true }),
      };
      running.set(id, client.subscribe(payload, sink));
    }
    await client.dispose();
    process.exit(0);
  },
};
