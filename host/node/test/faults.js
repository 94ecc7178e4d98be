/** What goes wrong in programs and in their stores: `node --test test/faults.js`, with the engine beside it. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Engine, FileStore, Journal, MemoryStore } from "papyra-persistence";

const engine = await Engine.load(process.env.PAPYRA_ENGINE ?? "papyra-engine/papyra-engine.js");
const RECORD = '{"kind": "event", "timestamp": 1}\n';

/** A journal in a directory that goes after the test. */
function journalAt(t, text, options) {
  const directory = fs.mkdtempSync(join(tmpdir(), "papyra-"));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const path = join(directory, "events.ndjson");
  fs.writeFileSync(path, text);
  const store = new FileStore(path, { evidenceDir: directory, ...options });
  return { path, store, journal: Journal.open(engine, store) };
}

test("a store that is not synchronous is refused, and ends nothing", async () => {
  class Later extends MemoryStore {
    async append() {
      throw new Error("connection refused");
    }
  }
  const journal = Journal.open(engine, new Later());
  const said = { code: "failed", message: /must be synchronous, and `append` returned a promise/ };
  assert.throws(() => journal.append([{ kind: "event" }]), said);
  assert.equal(journal.metrics().writeErrors, 1);
  await new Promise(setImmediate);
});

test("an idle journal has no file open", (t) => {
  const { path, journal } = journalAt(t, RECORD);
  journal.scan();
  journal.query().next();
  const { ino } = fs.statSync(path);
  const opened = fs.readdirSync("/proc/self/fd").filter((fd) => {
    return fs.statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })?.ino === ino;
  });
  assert.deepEqual(opened, []);
  assert.equal(journal.scan().records, 1);
});
