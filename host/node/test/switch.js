/** A rename that fails, after it was done or without: `node --test test/switch.js`. It needs no engine. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { edit, journalFile, quarantined } from "./places.js";

const failed = () => Object.assign(new Error("EIO: i/o error"), { errno: -5, code: "EIO" });

/** Removes the first of two lines with a rename that fails. `then` is called in between. */
function rewritten(t, { done, then = () => {}, keepQuarantine = true }) {
  const { path, store } = journalFile(t, "first\nsecond\n");
  const snapshot = store.snapshot();
  const rewrite = snapshot.rewrite("events.ndjson", { purpose: "recover", keepQuarantine, force: false });
  rewrite.edit([edit(0, 6)]);
  const rename = fs.renameSync;
  t.mock.method(fs, "renameSync", (...names) => {
    if (done) rename(...names);
    then(path);
    throw failed();
  });
  const result = { path, store };
  try {
    result.done = rewrite.commit();
  } catch (error) {
    result.error = error;
  }
  t.mock.restoreAll();
  snapshot.close();
  result.names = fs.readdirSync(dirname(path)).filter((name) => !name.endsWith(".quarantine"));
  store.append("third\n");
  return { ...result, text: fs.readFileSync(path, "utf8"), quarantine: quarantined(path) };
}

/** Lets a function of `fs` fail from now on. */
const unseen = (t, name) => () =>
  t.mock.method(fs, name, () => {
    throw failed();
  });

test("a rename that was done although it failed is a success", (t) => {
  const { done, error, text, names } = rewritten(t, { done: true });
  assert.equal(error, undefined);
  assert.deepEqual([done.bytesBefore, done.bytesAfter], [13n, 7n]);
  assert.deepEqual(names, ["events.ndjson"]);
  assert.equal(text, "second\nthird\n");
});

test("what such a rewrite removed is in the quarantine", (t) => {
  const { done, quarantine } = rewritten(t, { done: true });
  assert.equal(done.quarantine.length, 1);
  assert.deepEqual(quarantine, ["first\n"]);
});

test("a rename that was not done leaves the journal, and nothing beside it", (t) => {
  const { error, text, names, quarantine } = rewritten(t, { done: false });
  assert.match(error?.message, /^cannot rewrite .* \(EIO\)$/);
  assert.equal(text, "first\nsecond\nthird\n");
  assert.deepEqual([names, quarantine], [["events.ndjson"], []]);
});

test("a journal that cannot be examined keeps the quarantine", (t) => {
  const found = rewritten(t, { done: false, then: unseen(t, "statSync") });
  const { error, text, quarantine, path, store, names } = found;
  assert.match(error?.message, /^cannot tell whether .*\.quarantine$/);
  assert.equal(error.code, "failed");
  assert.equal(text, "first\nsecond\nthird\n");
  assert.deepEqual(quarantine, ["first\n"]);
  // The next rewrite removes the temporary file that had to stay as well.
  assert.deepEqual(names, [".events.ndjson.papyra-rewrite", "events.ndjson"]);
  const snapshot = store.snapshot();
  snapshot.rewrite("events.ndjson", { purpose: "recover", keepQuarantine: false, force: false }).abort();
  snapshot.close();
  assert.equal(fs.existsSync(`${dirname(path)}/${names[0]}`), false);
});

test("a journal that became another file keeps the quarantine", (t) => {
  const then = (path) => {
    fs.unlinkSync(path);
    fs.writeFileSync(path, "other\n");
  };
  const { error, text, names, quarantine } = rewritten(t, { done: false, then });
  assert.match(error?.message, /^cannot tell whether .*\.quarantine$/);
  assert.equal(text, "other\nthird\n");
  assert.deepEqual([names, quarantine], [["events.ndjson"], ["first\n"]]);
});

test("without a quarantine there is nothing to look at", (t) => {
  const { error } = rewritten(t, { done: false, then: unseen(t, "statSync"), keepQuarantine: false });
  assert.match(error?.message, /^cannot rewrite .* \(EIO\)$/);
});

test("a switch that may not be durable says so", (t) => {
  const { error, text, quarantine } = rewritten(t, { done: true, then: unseen(t, "fsyncSync") });
  assert.match(error?.message, /^cannot be sure that a power cut would not undo the finished rewrite of /);
  assert.equal(text, "second\nthird\n");
  assert.deepEqual(quarantine, ["first\n"]);
});
