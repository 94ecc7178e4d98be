/** Strings that are not text, because they have one half of a surrogate pair: `node --test test/text.js`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, FileStore, Journal, MemoryStore } from "papyra-persistence";
import { engine } from "./places.js";

const RECORD = '{"kind": "event", "timestamp": 1}\n';
const HALF = "\ud83d";

function refused(call, code, message, line) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof Failure, `${error}`);
    assert.deepEqual([error.code, error.message, error.line], [code, message, line]);
    assert.equal(error.written, code === "invalid-record" ? "none" : undefined);
    return true;
  });
}

test("a record that is not text is refused with its number", () => {
  const journal = Journal.open(engine, new MemoryStore());
  const said = (line, what) =>
    `record ${line} cannot be written: ${what} has half of a surrogate pair (U+D83D) as character 8; ` +
    "write it as \\ud83d; nothing was written";
  const drafts = [{ kind: "event" }, { kind: "event", fields: `{"😀": "${HALF}"}` }];
  refused(() => journal.append(drafts), "invalid-record", said(2, "`fields`"), 2);
  const lines = `${RECORD}{"x": "😀"}\n{"x": "${HALF}"}\n`;
  refused(() => journal.appendLines(lines), "invalid-record", said(3, "it"), 3);
  assert.equal(journal.inspect().records, 0);
});

test("an argument that is not text is refused with its name", () => {
  const journal = Journal.open(engine, new MemoryStore());
  const calls = {
    cursor: (cursor) => [...journal.query({ cursor })],
    field: (field) => [...journal.query({ matching: [{ field, value: "x" }] })],
    value: (value) => [...journal.query({ matching: [{ field: "x", value }] })],
    path: (path) => new FileStore(path),
    quarantineDir: (quarantineDir) => new FileStore("x", { quarantineDir }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const said = `${name} has half of a surrogate pair (U+D83D) as character 2, which is not text`;
    refused(() => call(`x${HALF}`), "invalid-argument", said);
    assert.throws(() => call(5), { name: "TypeError", message: `${name} must be a string, not 5` });
  }
  assert.throws(() => journal.appendLines(5), { name: "TypeError", message: /lines must be a string/ });
});

test("whole characters of all sizes are written", () => {
  const journal = Journal.open(engine, new MemoryStore());
  assert.equal(journal.append([{ kind: "event", fields: '{"x": "aü€😀"}' }]).records, 1);
  const [page] = journal.query({ matching: [{ field: "x", value: "aü€😀" }] });
  assert.equal(page.count, 1);
});
