"use strict";

// All that a subscription has told, a line each; GraphiQL itself shows the last of it.

const MOST_LINES = 10_000;

const events = {
  count: document.createElement("output"),
  lines: document.createElement("ol"),
  told: 0,
  waiting: [],

  clear() {
    this.told = 0;
    this.waiting = [];
    this.lines.replaceChildren();
    this.show();
  },

  add(result) {
    const { data, errors } = result;
    this.told += 1;
    this.waiting.push(JSON.stringify(errors || !data ? result : Object.values(data)[0]));
    if (this.waiting.length > MOST_LINES) this.waiting.shift();
    if (this.waiting.length === 1) requestAnimationFrame(() => this.show());
  },

  // Once for all that came since the last picture.
  show() {
    const { lines } = this;
    const added = this.waiting.map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    });
    this.waiting = [];
    lines.append(...added);
    while (lines.childElementCount > MOST_LINES) lines.firstChild.remove();
    this.count.textContent = `${this.told} told`;
  },
};

const eventsPlugin = {
  title: "Events",
  icon: () => {
    const line = (y) => React.createElement("path", { key: y, d: `M2 ${y}h12` });
    const looks = { viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", strokeWidth: 1.5 };
    return React.createElement("svg", looks, [3, 8, 13].map(line));
  },
  content: () => {
    const [header, body] = [React.useRef(null), React.useRef(null)];
    React.useLayoutEffect(() => {
      header.current.firstChild.after(events.count);
      body.current.append(events.lines);
    }, []);
    const clear = { type: "button", className: "graphiql-button", onClick: () => events.clear() };
    return React.createElement(
      "section",
      { className: "events" },
      React.createElement(
        "header",
        { ref: header },
        React.createElement("h2", null, "Events"),
        React.createElement("button", clear, "Clear"),
      ),
      React.createElement("div", { ref: body }),
    );
  },
};
