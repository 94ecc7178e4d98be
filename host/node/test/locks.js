/** Locks, which other processes hold: `node --test test/locks.js`. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { journalFile } from "./places.js";

const RECORD = '{"kind": "event", "timestamp": 1}\n';

/** Has another process hold the lock of a file. Returns a function that ends it. */
async function held(t, path, mode) {
  const holder = spawn("flock", ["--no-fork", mode, path, "sh", "-c", "echo; exec sleep 60"]);
  t.after(() => holder.kill());
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  return () => {
    holder.kill();
    return new Promise((resolve) => holder.once("close", resolve));
  };
}

test("a lock that another process holds is waited for, and then an error", async (t) => {
  const { path, journal } = journalFile(t, `${RECORD}damaged\n`, { lockWait: 0.2 });
  const before = fs.readFileSync(path, "utf8");
  const operations = {
    append: () => journal.appendLines(RECORD),
    recover: () => journal.recover("repair", { recordAudit: false }),
    scan: () => journal.scan(),
  };
  const release = await held(t, path, "--exclusive");
  for (const [name, operation] of Object.entries(operations)) {
    const began = performance.now();
    const said = { code: "locked", message: /another process holds the lock of/, retryable: true };
    assert.throws(operation, { ...said, written: name === "append" ? "none" : undefined });
    assert.ok(performance.now() - began >= 200, name);
  }
  assert.equal(fs.readFileSync(path, "utf8"), before);
  await release();
  for (const operation of Object.values(operations)) operation();
  assert.equal(fs.readFileSync(path, "utf8"), RECORD.repeat(2));
});

test("a shared lock lets others read, and keeps them from writing", async (t) => {
  const { path, journal } = journalFile(t, RECORD, { lockWait: 0 });
  const release = await held(t, path, "--shared");
  assert.equal(journal.scan().records, 1);
  assert.throws(() => journal.appendLines(RECORD), { code: "locked", written: "none" });
  await release();
  journal.appendLines(RECORD);
});

test("one rewrite at a time", async (t) => {
  const { path, journal } = journalFile(t, `${RECORD}damaged\n`);
  const temporary = join(dirname(path), `.${basename(path)}.papyra-rewrite`);
  const release = await held(t, temporary, "--exclusive");
  assert.equal(journal.scan().structural, 0, "it is at work, and no leftover");
  assert.throws(() => journal.recover(), { code: "locked", message: /another process is rewriting/ });
  await release();
  assert.equal(journal.scan().structural, 1);
  assert.equal(journal.recover("repair", { recordAudit: false }).changed, true);
  assert.deepEqual(fs.readdirSync(dirname(path)), [basename(path)]);
});

test("an append runs one program, for its lock", (t) => {
  const { path, journal } = journalFile(t, "");
  const programs = fs.mkdtempSync(join(dirname(path), "programs-"));
  const { PATH } = process.env;
  const found = spawnSync("sh", ["-c", "command -v flock"], { encoding: "utf8" }).stdout.trim();
  const log = join(programs, "log");
  fs.writeFileSync(join(programs, "flock"), `#!/bin/sh\necho "$*" >>${log}\nexec ${found} "$@"\n`, { mode: 0o755 });
  process.env.PATH = `${programs}:${PATH}`;
  t.after(() => (process.env.PATH = PATH));
  for (let appends = 1; appends <= 3; appends++) {
    journal.appendLines(RECORD);
    assert.equal(fs.readFileSync(log, "utf8"), "--exclusive --wait 0.05 3\n".repeat(appends));
  }
});
