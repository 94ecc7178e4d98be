/** What an append that failed says about its batch, compared with the file: `node --test test/written.js`. */

import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { MemoryStore } from "papyra-persistence";
import { journalFile } from "./places.js";

const BATCH = [1, 2].map((time) => `{"kind": "event", "timestamp": ${time}}\n`).join("");
const NUMBERS = { EIO: -5, ENOSPC: -28 };
const error = (code) => Object.assign(new Error(code), { code, errno: NUMBERS[code] });

/** Lets functions of `fs` fail until the test ends. */
function failing(t, ...names) {
  for (const name of names) {
    t.mock.method(fs, name, () => {
      throw error("EIO");
    });
  }
}

/** Lets the disk be full after eight bytes, while another program writes behind them. */
function full(t, path, behind = "") {
  const write = fs.writeSync;
  let seen = 0;
  t.mock.method(fs, "writeSync", (fd, data) => {
    if (seen) {
      const other = fs.openSync(path, "a");
      if (behind) write(other, behind);
      fs.closeSync(other);
      throw error("ENOSPC");
    }
    return (seen = write(fd, data, 0, 8));
  });
}

function check(t, { journal, path }, code, written, left) {
  let refused;
  try {
    journal.appendLines(BATCH);
  } catch (error) {
    refused = error;
  }
  t.mock.restoreAll();
  assert.deepEqual([refused?.name, refused?.code, refused?.written], ["Failure", code, written], `${refused}`);
  assert.equal(fs.readFileSync(path, "utf8"), left);
}

test("what fails before a byte is written wrote none", (t) => {
  for (const name of ["openSync", "fstatSync", "writeSync"]) {
    const place = journalFile(t, "");
    // Otherwise the instance could not be made.
    place.journal.scan();
    failing(t, name);
    check(t, place, "failed", "none", "");
  }
});

test("what is taken back is none", (t) => {
  const place = journalFile(t, "old\n");
  full(t, place.path);
  check(t, place, "full", "none", "old\n");
  failing(t, "fdatasyncSync");
  check(t, place, "failed", "none", "old\n");
});

test("a part that cannot be taken back is some", (t) => {
  const place = journalFile(t, "old\n");
  full(t, place.path);
  failing(t, "ftruncateSync");
  check(t, place, "full", "some", `old\n${BATCH.slice(0, 8)}`);
});

test("a batch that cannot be taken back is all", (t) => {
  const place = journalFile(t, "old\n");
  failing(t, "fdatasyncSync", "ftruncateSync");
  check(t, place, "failed", "all", `old\n${BATCH}`);
});

test("what others wrote behind it keeps the batch", (t) => {
  const place = journalFile(t, "old\n");
  full(t, place.path, "\nx\n");
  check(t, place, "full", "some", `old\n${BATCH.slice(0, 8)}\nx\n`);
});

test("a file that grew although nothing was written is unknown", (t) => {
  const place = journalFile(t, "");
  const write = fs.writeSync;
  t.mock.method(fs, "writeSync", (...given) => {
    write(...given);
    throw error("EIO");
  });
  check(t, place, "failed", "unknown", BATCH);
});

test("a file that was cut by others is unknown", (t) => {
  const place = journalFile(t, "old\n");
  t.mock.method(fs, "fdatasyncSync", () => {
    fs.truncateSync(place.path);
    throw error("EIO");
  });
  check(t, place, "failed", "unknown", "");
});

test("memory that is full wrote none", () => {
  assert.throws(() => new MemoryStore({ maxBytes: 3 }).append(BATCH), { code: "full", written: "none" });
});
