/** Rotating files, which the command `papyra` reads as well: `node --test test/rotating.js`. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { basename, dirname } from "node:path";
import { test } from "node:test";
import { FileStore, Journal } from "papyra-persistence";
import { files, journalFile, opened, quarantined } from "./places.js";

const record = (number) => `{"kind": "event", "timestamp": ${1000 + number}}\n`;
const records = (from, to) => Array.from({ length: to - from }, (_, index) => record(from + index)).join("");
const LENGTH = record(0).length;
const SET = { maxBytes: 3 * LENGTH, maxFiles: 3 };

/** Returns the contents of the files, the oldest first. */
function contents(path) {
  const names = fs.readdirSync(dirname(path)).filter((name) => /ndjson(\.\d+)?$/.test(name));
  return names.sort().reverse().map((name) => [name, fs.readFileSync(`${dirname(path)}/${name}`, "utf8")]);
}

const all = (journal) => [...journal.query()].map((page) => page.records).join("");

/** A set that has rotated, and dropped its oldest file. */
function rotated(t, options) {
  const place = journalFile(t, undefined, { ...SET, ...options });
  for (let number = 0; number < 11; number++) place.journal.appendLines(record(number));
  return place;
}

test("full files get numbers, and the oldest is dropped", (t) => {
  const { path, journal } = rotated(t);
  const expected = [
    ["events.ndjson.2", records(3, 6)],
    ["events.ndjson.1", records(6, 9)],
    ["events.ndjson", records(9, 11)],
  ];
  assert.deepEqual(contents(path), expected);
  assert.equal(all(journal), records(3, 11));
  const { backend, segments, damaged, structural } = journal.scan();
  assert.deepEqual([backend, segments, damaged, structural], ["rotating", 3, 0, 0]);
  assert.equal([...journal.query({ newestFirst: true, limit: 1 })][0].records, record(10));
  assert.deepEqual(opened(path), [basename(path)]);
});

test("a batch that fits into a file is never cut, and a larger one is", (t) => {
  const { path, journal } = journalFile(t, undefined, SET);
  journal.appendLines(records(0, 2));
  journal.appendLines(records(2, 4));
  assert.deepEqual(contents(path).map(([, text]) => text), [records(0, 2), records(2, 4)]);
  journal.appendLines(records(4, 8));
  assert.deepEqual(contents(path).map(([, text]) => text), [records(0, 2), records(2, 5), records(5, 8)]);
});

test("damage in any file is recovered", (t) => {
  const { path, journal } = rotated(t);
  fs.appendFileSync(`${path}.1`, "one\n");
  fs.appendFileSync(path, "two");
  const { segments, damaged, findings } = journal.scan();
  assert.deepEqual([segments, damaged], [3, 2]);
  assert.deepEqual(findings.map(({ segment }) => segment), ["events.ndjson.1", "events.ndjson"]);
  const { rewritten, removedEntries } = journal.recover("quarantine", { recordAudit: false });
  assert.deepEqual([rewritten.length, removedEntries], [2, 2]);
  assert.equal(all(journal), records(3, 11));
  assert.deepEqual(quarantined(path).sort(), ["one\n", "two"]);
});

test("a compaction removes the files of which nothing stays", (t) => {
  const { path, journal } = rotated(t, { retention: { maxRecords: 4 } });
  const { recordsBefore, recordsAfter } = journal.compact({ recordAudit: false });
  assert.deepEqual([recordsBefore, recordsAfter], [8, 4]);
  assert.deepEqual(contents(path), [["events.ndjson.1", records(7, 9)], ["events.ndjson", records(9, 11)]]);
  // What was moved by the rewrite is appended to and rotated as before.
  journal.appendLines(records(11, 13));
  assert.equal(contents(path).map(([, text]) => text).join(""), records(7, 13));
});

test("two journals rotate one set in turn", (t) => {
  const { path, journal } = journalFile(t, undefined, SET);
  const other = Journal.open(files, new FileStore(path, SET));
  for (let number = 0; number < 8; number++) (number % 2 ? journal : other).appendLines(record(number));
  assert.equal(all(journal), records(0, 8));
  assert.deepEqual(contents(path).map(([, text]) => text.length / LENGTH), [3, 3, 2]);
  other.close();
});

test("either limit makes a set, with the default of the other", (t) => {
  const { path, journal } = journalFile(t, undefined, { maxFiles: 2 });
  fs.writeFileSync(path, `{"kind": "event", "timestamp": 1, "x": "${"y".repeat(50_000_000 - 46)}"}\n`);
  assert.ok(fs.statSync(path).size < 50_000_000);
  journal.appendLines(record(0).repeat(2));
  assert.deepEqual(contents(path).map(([name]) => name), ["events.ndjson.1", "events.ndjson"]);
});
