/**
 * What an append that failed says about its batch, compared with the file: `node --test test/written.js`. It
 * needs no engine.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { FileStore, MemoryStore } from "papyra-persistence";
import { journalFile } from "./places.js";

const BATCH = "first\nsecond\n";
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

function check(t, { store, path }, code, written, left) {
  let refused;
  try {
    store.append(BATCH);
  } catch (error) {
    refused = error;
  }
  t.mock.restoreAll();
  assert.equal(refused?.name, "StoreError", `${refused}`);
  assert.deepEqual([refused.code, refused.written], [code, written], refused.message);
  assert.equal(fs.readFileSync(path, "utf8"), left);
}

test("what fails before a byte is written wrote none", async (t) => {
  for (const name of ["openSync", "fstatSync", "writeSync"]) {
    const place = journalFile(t, "");
    failing(t, name);
    check(t, place, "failed", "none", "");
  }
  const place = journalFile(t, "", { lockWait: 0.05 });
  const holder = spawn("flock", ["--no-fork", "--exclusive", place.path, "sh", "-c", "echo; exec sleep 60"]);
  t.after(() => holder.kill());
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  check(t, place, "locked", "none", "");
  const missing = new FileStore(join(dirname(place.path), "no", "journal"));
  assert.throws(() => missing.append(BATCH), { code: "not-found", written: "none" });
  assert.throws(() => place.store.append("unterminated"), { code: "failed", written: "none" });
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
  check(t, place, "full", "some", "old\nfirst\nse");
});

test("a batch that cannot be taken back is all", (t) => {
  const place = journalFile(t, "old\n");
  failing(t, "fdatasyncSync", "ftruncateSync");
  check(t, place, "failed", "all", `old\n${BATCH}`);
});

test("what others wrote behind it keeps the batch", (t) => {
  const place = journalFile(t, "old\n");
  full(t, place.path, "\nx\n");
  check(t, place, "full", "some", "old\nfirst\nse\nx\n");
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

test("a file that cannot be closed is unknown", (t) => {
  const place = journalFile(t, "old\n", { locking: false, sync: false });
  const close = fs.closeSync;
  t.mock.method(fs, "closeSync", (fd) => {
    close(fd);
    throw error("EIO");
  });
  check(t, place, "failed", "unknown", `old\n${BATCH}`);
});

test("memory that is full wrote none", () => {
  assert.throws(() => new MemoryStore({ maxBytes: 3 }).append(BATCH), { code: "full", written: "none" });
});
