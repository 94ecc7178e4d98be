/** Edits of a file, while others append to it: `node --test test/rewrite.js`. It needs no engine. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { edit, journalFile, quarantined } from "./places.js";

/** Edits a journal to which others append meanwhile, and returns what it contains then. */
function rewritten(t, text, edits, meanwhile = "") {
  const { path, store } = journalFile(t, text);
  const snapshot = store.snapshot();
  let rewrite;
  try {
    rewrite = snapshot.rewrite(snapshot.segments[0].name, { purpose: "recover", keepQuarantine: true, force: false });
    rewrite.edit(edits);
    fs.appendFileSync(path, meanwhile);
    const done = rewrite.commit();
    const result = fs.readFileSync(path, "utf8");
    const sizes = [text.length + meanwhile.length, result.length].map(BigInt);
    assert.deepEqual([done.bytesBefore, done.bytesAfter], sizes);
    return { path, result };
  } catch (error) {
    return { path, error, result: fs.readFileSync(path, "utf8") };
  } finally {
    rewrite?.abort();
    snapshot.close();
  }
}

test("bytes give way to nothing or to one line end", (t) => {
  const becomes = (text, edits, result) => assert.equal(rewritten(t, text, edits).result, result);
  becomes("a\nxx\nb\n", [edit(2, 5)], "a\nb\n");
  becomes("axxb\n", [edit(1, 3, true)], "a\nb\n");
  becomes("ab\n", [edit(1, 1, true)], "a\nb\n");
  becomes("xabxc!\n", [edit(0, 1), edit(2, 2, true), edit(3, 4, true), edit(5, 7)], "a\nb\nc");
});

test("the quarantine gets the replaced bytes in order, and nothing else", (t) => {
  const { path } = rewritten(t, "xabyyc\n", [edit(0, 1), edit(2, 2, true), edit(3, 5, true)]);
  assert.deepEqual(quarantined(path), ["xyy"]);
  assert.deepEqual(quarantined(rewritten(t, "ab\n", [edit(1, 1, true)]).path), []);
});

test("edits that change nothing write nothing", (t) => {
  t.mock.method(fs, "renameSync", () => assert.fail("nothing changes"));
  for (const edits of [[], [edit(0, 0), edit(2, 2)]]) assert.equal(rewritten(t, "a\n", edits).error, undefined);
});

test("a torn tail gets one line end, whoever appends meanwhile", (t) => {
  assert.equal(rewritten(t, "a", [edit(1, 1, true)]).result, "a\n");
  assert.equal(rewritten(t, "a", [edit(1, 1, true)], "\nb\n").result, "a\nb\n");
});

test("a torn tail that goes takes the line end behind it along", (t) => {
  assert.equal(rewritten(t, "a\nto", [edit(2, 4)], "\nb\n").result, "a\nb\n");
  assert.equal(rewritten(t, "a to", [edit(1, 4, true)], "\nb\n").result, "a\nb\n");
});

test("a torn tail that stays stays alone", (t) => {
  for (const edits of [[edit(0, 2)], [edit(0, 2), edit(4, 4)]]) {
    assert.equal(rewritten(t, "x\nto", edits, "\nb\n").result, "to\nb\n");
  }
});

test("a line end behind a whole line stays", (t) => {
  assert.equal(rewritten(t, "a\nx\n", [edit(2, 4)], "\nb\n").result, "a\n\nb\n");
});

test("a tail that a program without locks completes is left alone", (t) => {
  const { path, result, error } = rewritten(t, "a\nto", [edit(2, 4)], "rn\n");
  assert.equal(error?.code, "locked");
  assert.match(error.message, /changed meanwhile/);
  assert.equal(result, "a\ntorn\n");
  assert.deepEqual(quarantined(path), []);
});

test("edits out of order are refused", (t) => {
  const other = { ...edit(0, 1), start: { major: 1n, minor: 0n } };
  const wrong = [[edit(2, 3), edit(1, 2)], [edit(0, 2), edit(1, 3)], [edit(2, 1)], [edit(0, 5)], [other]];
  for (const edits of wrong) {
    const { path, result, error } = rewritten(t, "abc\n", edits);
    assert.match(error?.message ?? "", /edits must ascend/);
    assert.equal(result, "abc\n");
    assert.deepEqual(fs.readdirSync(dirname(path)), ["events.ndjson"]);
  }
});
