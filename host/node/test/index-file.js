/** The index beside a journal: `node --test test/index-file.js`. It needs no engine. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { journalFile } from "./places.js";

test("the text that was saved last comes back", (t) => {
  const { path, store } = journalFile(t, "");
  assert.equal(store.loadIndex(), "");
  for (const text of ["ü".repeat(4 << 20), "small"]) {
    store.saveIndex(text);
    assert.ok(store.loadIndex() === text);
  }
  assert.deepEqual(fs.readdirSync(dirname(path)), [".events.ndjson.papyra-checkpoint", "events.ndjson"]);
});

test("a text longer than the contract allows is not an index", (t) => {
  const { store } = journalFile(t, "");
  store.saveIndex("x".repeat((8 << 20) + 1));
  assert.equal(store.loadIndex(), "");
});
