"use strict";

// What GraphiQL remembers: in this tab all of it, on this device all but the headers, which have the
// key. Its own setting would keep them out of the tabs, but not out of its history.

const TABS = "graphiql:tabState";
const WITH_HEADERS = [TABS, "graphiql:queries", "graphiql:favorites"];
const HEADERS = `{
  "Authorization": "Bearer ",
  "X-Namespace": "default"
}`;

const storage = {
  get length() {
    return localStorage.length;
  },
  getItem(name) {
    // GraphiQL empties this one whenever it starts, and would open another tab, without the key.
    if (name === "graphiql:headers") return headersOfTab();
    return sessionStorage.getItem(name) ?? localStorage.getItem(name);
  },
  setItem(name, value) {
    sessionStorage.setItem(name, value);
    localStorage.setItem(name, withoutHeaders(name, value));
  },
  removeItem(name) {
    sessionStorage.removeItem(name);
    localStorage.removeItem(name);
  },
  clear() {
    sessionStorage.clear();
    localStorage.clear();
  },
};

function headersOfTab() {
  const { tabs, activeTabIndex } = JSON.parse(storage.getItem(TABS) ?? "{}");
  return tabs?.[activeTabIndex]?.headers ?? null;
}

function withoutHeaders(name, value) {
  if (name === "graphiql:headers") return HEADERS;
  if (!WITH_HEADERS.includes(name)) return value;
  return JSON.stringify(JSON.parse(value), (field, each) => (field === "headers" ? HEADERS : each));
}
