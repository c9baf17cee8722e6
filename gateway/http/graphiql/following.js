"use strict";

// Subscriptions come as Server-Sent Events: their ids are cursors, whatever a query selects. After a
// lost connection a subscription goes on behind the last of them, so that nothing is missed and
// nothing is told twice.

const SILENCE_MS = 40_000; // the gateway sends something every 25 s
const LONGEST_PAUSE_MS = 5_000;
const AWAY = "The gateway does not answer. What happens meanwhile is told as soon as it does.";

// The results of a subscription, as GraphiQL iterates over them.
function follow(address, asked, headers) {
  const stopped = new AbortController();
  const results = resultsOf(address, asked, headers, stopped.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => results.next(),
    // A generator would hear of it after the next event only.
    return() {
      stopped.abort();
      return results.return();
    },
  };
}

async function* resultsOf(address, asked, headers, stopped) {
  const place = { hasBegun: false, id: undefined };
  for (let tries = 0; !stopped.aborted; tries += 1) {
    try {
      for await (const result of attempt(address, asked, headers, stopped, place)) {
        tries = 0;
        yield result;
      }
      return;
    } catch (error) {
      if (stopped.aborted) return;
      if (!place.hasBegun) {
        yield { errors: [{ message: error.message }] };
        return;
      }
    }
    if (tries === 0) yield { errors: [{ message: AWAY }] };
    await pause(tries);
  }
}

// One connection; it ends well where the subscription does, and throws where that has to go on.
async function* attempt(address, asked, headers, stopped, place) {
  const silence = new AbortController();
  let patience;
  const hear = () => {
    clearTimeout(patience);
    patience = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  hear();
  try {
    const answer = await fetch(address, {
      method: "POST",
      body: JSON.stringify(asked),
      headers: {
        ...headers,
        Accept: "text/event-stream",
        "Content-Type": "application/json",
        ...(place.id && { "Last-Event-ID": place.id }),
      },
      signal: AbortSignal.any([stopped, silence.signal]),
    });
    const type = answer.headers.get("Content-Type") ?? "";
    if (!type.startsWith("text/event-stream")) {
      const mayComeAgain = answer.status === 429 || answer.status >= 500;
      if ((mayComeAgain && place.hasBegun) || !type.includes("json"))
        throw new Error(`The answer has the status ${answer.status}, and is not the gateway's.`);
      yield await answer.json();
      return;
    }
    for await (const event of eventsOf(answer.body, hear)) {
      if (event.event === "complete") return;
      place.hasBegun = true;
      place.id = event.id ?? place.id;
      yield JSON.parse(event.data);
    }
    throw new Error("the gateway has ended the stream");
  } finally {
    clearTimeout(patience);
    silence.abort();
  }
}

// The events of a stream by their fields: event, id and data.
async function* eventsOf(bytes, hear) {
  const reader = bytes.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    hear();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => line.match(/^(\w+): ?(.*)$/s)?.slice(1));
      const event = Object.fromEntries(fields.filter(Boolean));
      if (event.event) yield event;
    }
  }
}

function pause(tries) {
  const most = Math.min(LONGEST_PAUSE_MS, 200 * 2 ** tries); // not all pages at the same moment
  return new Promise((resolve) => setTimeout(resolve, most * (0.5 + Math.random() / 2)));
}
