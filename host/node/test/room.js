/**
 * Limits on address space: a program works with what it gets, or is told which limit stops it:
 * `node --test test/room.js`.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { test } from "node:test";
import { journalFile } from "./places.js";

const UNGUARDED = "--disable-wasm-trap-handler";
const PROGRAM = `
import { Engine, EngineError, FileStore, Journal } from "papyra-persistence";
const engine = await Engine.load("papyra-node/papyra-node.js");
const journal = Journal.open(engine, new FileStore(process.argv[1], { attributes: false }));
try {
  journal.append([{ kind: "event" }]);
  console.log(journal.recover().changed);
} catch (error) {
  if (!(error instanceof EngineError)) throw error;
  console.log(error.message);
}`;

/** Runs a program that has this much address space. */
function ended(t, gibibytes, ...options) {
  const { path } = journalFile(t, "damaged\n");
  const node = [process.execPath, ...options, "--input-type=module", "-e", PROGRAM, path];
  const limit = ["-c", `ulimit -v ${gibibytes << 20} && exec "$@"`, "sh", ...node];
  const { status, stdout, stderr } = spawnSync("sh", limit, { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  assert.equal(fs.readFileSync(path, "utf8").includes("event"), stdout === "true\n");
  return stdout;
}

test("an engine works or names the limit", (t) => {
  for (const gibibytes of [2, 4, 8]) {
    assert.match(ended(t, gibibytes), /^the engine failed in its start: Node takes 10 GiB .* \(ulimit -v\), or run/);
  }
  assert.equal(ended(t, 16), "true\n");
});

const known = process.allowedNodeEnvironmentFlags.has(UNGUARDED);
test("2 GiB are enough where accesses are checked", { skip: !known && "this Node is too old" }, (t) => {
  for (const gibibytes of [2, 4, 8]) assert.equal(ended(t, gibibytes, UNGUARDED), "true\n");
});
