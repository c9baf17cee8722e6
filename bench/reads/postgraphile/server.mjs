// PostGraphile in library mode on Node's http server, as its documentation sets it up.
//
// In front of it stands what a careful developer would add by hand, and no more: the key is looked
// up and kept for a few seconds. The namespace is a variable of each document, which is cheaper than
// settings for row level security would be: with those each request takes a transaction.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";

// Its packages lie in a folder of their own, outside of the checkout.
const require = createRequire(`${process.env.BENCH_PACKAGES}/`);
const { grafserv } = require("postgraphile/grafserv/node");
const { makePgService } = require("postgraphile/adaptors/pg");
const { PostGraphileAmberPreset } = require("postgraphile/presets/amber");
const { postgraphile } = require("postgraphile");
const { Pool } = require("pg");

const TRUST_MS = 3000;
const FIND_CALLER = `
  SELECT true FROM api_keys k, namespaces n
  WHERE k.secret_sha256 = $1 AND k.revoked_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())
    AND n.namespace_name = $2 AND (k.namespaces IS NULL OR n.id = ANY (k.namespaces))
`;

const pool = new Pool({
  max: Number(process.env.BENCH_POOL_SIZE),
  options: "-c TimeZone=UTC -c jit=off",
});
const trustedUntil = new Map();

async function isTrusted(headers) {
  const shown = `${headers.authorization} ${headers["x-namespace"]}`;
  if (trustedUntil.get(shown) > performance.now()) return true;
  const secret = (headers.authorization ?? "").replace(/^Bearer /, "");
  const digest = createHash("sha256").update(secret).digest();
  const found = await pool.query(FIND_CALLER, [digest, headers["x-namespace"]]);
  if (found.rowCount === 0) return false;
  trustedUntil.set(shown, performance.now() + TRUST_MS);
  return true;
}

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool, schemas: ["public"] })],
  grafserv: { graphqlPath: "/graphql", graphiql: false, websockets: false },
};
const handle = postgraphile(preset).createServ(grafserv).createHandler();

const server = createServer(async (request, response) => {
  try {
    if (await isTrusted(request.headers)) {
      handle(request, response);
    } else {
      response.writeHead(401).end();
    }
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
