// Runs calls of the Node client. Standard input: {"config": …, "header": {…}, "calls": [[method, …arguments], …]}.
// Standard output: one JSON object a call, {"answer": …} or {"error": {"name": …, "message": …}}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.SLUICE_NODE_MODULES + "/");
const { FlightSQLClient } = require("@gizmodata/gizmosql-client");

const { config, header, calls } = JSON.parse(readFileSync(0, "utf8"));

// JSON has neither 64-bit integers nor dates, and Arrow's rows and tables are no plain objects.
const plain = (value) => {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, held]) => [name, plain(held)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value?.schema?.fields && value?.toArray) return value.toArray().map((row) => plain(row.toJSON()));
  if (value?.constructor === Object) {
    return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, plain(held)]));
  }
  return value;
};

const client = new FlightSQLClient(config);
for (const [name, value] of Object.entries(header ?? {})) client.metadata.set(name, value);
for (const [method, ...given] of calls) {
  try {
    const answer = plain(await client[method](...given));
    console.log(JSON.stringify({ answer: answer ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: { name: error.name, message: error.message } }));
  }
}
await client.close();
