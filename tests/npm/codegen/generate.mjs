// What graphql-codegen does with its client preset; its command line would be as much again to install.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { codegen } from "@graphql-codegen/core";
import { preset } from "@graphql-codegen/client-preset";
import * as typescript from "@graphql-codegen/typescript";
import { buildASTSchema, parse } from "graphql";

const schema = parse(await readFile("schema.graphql", "utf8"));
const schemaAst = buildASTSchema(schema);
const rawSDL = await readFile("operations.graphql", "utf8");
const config = {
  emitLegacyCommonJSImports: false,
  enumsAsTypes: true,
  useTypeImports: true,
  strictScalars: true, // one that is not named here is an error
  scalars: {
    BigInt: "number",
    DateTime: "string",
    EventCursor: "string",
    JSON: "unknown",
    Sha256: "string",
  },
};
const ofOperations = await preset.buildGeneratesSection({
  baseOutputDir: "generated/",
  presetConfig: {},
  schema,
  schemaAst,
  documents: [{ location: "operations.graphql", document: parse(rawSDL), rawSDL }],
  config,
  plugins: [],
  pluginMap: {},
});
const ofSchema = {
  filename: "generated/schema.ts",
  schema,
  documents: [],
  config,
  plugins: [{ typescript: {} }],
  pluginMap: { typescript },
};
for (const each of [...ofOperations, ofSchema]) {
  await mkdir(dirname(each.filename), { recursive: true });
  await writeFile(each.filename, await codegen(each));
}
