/** Faults of programs, stores and disks: `node --test test/faults.js`, with the engine beside it. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Engine, FileStore, Journal, MemoryStore, StoreError } from "papyra-persistence";
import { journalFile } from "./places.js";

const engine = await Engine.load(process.env.PAPYRA_ENGINE ?? "papyra-engine/papyra-engine.js");
const RECORD = '{"kind": "event", "timestamp": 1}\n';

/** A journal in a directory that is removed after the test. */
function journalAt(t, text, options) {
  const { path, store } = journalFile(t, text, options);
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

test("a failed append says how much was written", () => {
  const store = new MemoryStore();
  const journal = Journal.open(engine, store);
  const cases = [
    [new StoreError("full", "no space", "some"), "full", false, "some"],
    [new StoreError("locked", "held", "none"), "locked", true, "none"],
    [new StoreError("unavailable", "it does not say"), "unavailable", true, "unknown"],
  ];
  for (const [error, code, retryable, written] of cases) {
    store.append = () => {
      throw error;
    };
    assert.throws(() => journal.append([{ kind: "event" }]), { code, retryable, written });
  }
  assert.throws(() => journal.appendLines("no record\n"), { code: "invalid-record", written: "none" });
  assert.throws(() => journal.compact(), { code: "invalid-argument", written: undefined });
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

test("a moment is a number of seconds or a date, and nothing else", () => {
  const journal = Journal.open(engine, new MemoryStore());
  for (const timestamp of ["5", true, 5n, NaN, new Date(NaN)]) {
    assert.throws(() => journal.append([{ kind: "event", timestamp }]), { name: "TypeError", message: /timestamp/ });
    assert.throws(() => [...journal.query({ since: timestamp })], { name: "TypeError", message: /since/ });
    assert.throws(() => journal.compact({ asOf: timestamp }), { name: "TypeError", message: /asOf/ });
  }
  journal.append([{ kind: "event", timestamp: new Date(1738000000500) }]);
  const [page] = journal.query({ until: new Date(1738000000500) });
  assert.equal(page.records, '{"kind": "event", "timestamp": 1738000000.5}\n');
});

test("wrong arguments are refused with what is right", () => {
  const journal = Journal.open(engine, new MemoryStore());
  const refused = (call, message) => assert.throws(call, { name: "TypeError", message });
  const kind = /kind must be one of event, audit, dead_letter, metric, not bogus/;
  refused(() => journal.append([{ kind: "bogus" }]), kind);
  refused(() => journal.append([{ kind: "event", fields: {} }]), /fields must be a string/);
  refused(() => [...journal.query({ kinds: ["bogus"] })], kind);
  refused(() => journal.recover("bogus"), /mode must be one of repair, quarantine, not bogus/);
  refused(() => journal.startupCheck("bogus"), /mode must be one of ignore, scan-only, fail, recover, not/);
  refused(() => journal.recover("repair", { recordAudit: "no" }), /recordAudit must be true or false, not no/);
  for (const maxFindings of [-1, 1.5, 2 ** 40, "x"]) refused(() => journal.scan({ maxFindings }), /maxFindings must be/);
  for (const mode of ["scan_only", "scan-only"]) assert.notEqual(journal.startupCheck(mode).outcome, "ignored");
});

const python = (program, ...given) => spawnSync("python3", ["-c", `import os, sys; ${program}`, ...given]);

test("an append says how its directory can be made", (t) => {
  const { path } = journalAt(t, RECORD);
  const inside = join(dirname(path), "missing", "events.ndjson");
  const said = { code: "not-found", message: /give the store `createParents: true`/ };
  assert.throws(() => new FileStore(inside).append(RECORD), said);
  new FileStore(inside, { createParents: true }).append(RECORD);
  assert.equal(fs.readFileSync(inside, "utf8"), RECORD);
});

test("a rewrite keeps extended attributes and access control lists", (t) => {
  const { path, journal } = journalAt(t, `${RECORD}damaged\n`);
  fs.chmodSync(path, 0o640);
  // user::rw- user:1:rw- group::--- mask::rw- other::---, as `setfacl` writes it.
  const entries = [[1, 6, -1], [2, 6, 1], [4, 0, -1], [16, 6, -1], [32, 0, -1]];
  const list = entries.map((entry) => `struct.pack("<HHi", ${entry})`).join(" + ");
  const set = `import struct; os.setxattr(sys.argv[1], "user.kept", b"yes");
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + ${list})`;
  if (python(set, path).status !== 0) return t.skip("no Python, or a file system without attributes");
  const get = "print([(name, os.getxattr(sys.argv[1], name)) for name in sorted(os.listxattr(sys.argv[1]))])";
  const [before, mode] = [`${python(get, path).stdout}`, fs.statSync(path).mode];
  assert.match(before, /posix_acl_access.*user\.kept/);
  assert.equal(journal.recover("repair", { recordAudit: false }).changed, true);
  assert.equal(fs.readFileSync(path, "utf8"), RECORD);
  assert.equal(`${python(get, path).stdout}`, before);
  assert.equal(fs.statSync(path).mode, mode);
});

test("a rewrite that cannot keep attributes is refused, unless they do not matter", (t) => {
  const { path, store, journal } = journalAt(t, `${RECORD}damaged\n`, { locking: false });
  const { PATH } = process.env;
  process.env.PATH = "/nonexistent";
  t.after(() => (process.env.PATH = PATH));
  assert.throws(() => journal.recover(), { code: "unsupported", message: /install that, or .*attributes: false/ });
  assert.equal(fs.readFileSync(path, "utf8"), `${RECORD}damaged\n`);
  store.attributes = false;
  assert.equal(journal.recover().changed, true);
});

/** Collects the warnings of the process while `work` runs. */
async function warnings(work) {
  const said = [];
  const listen = (warning) => said.push(`${warning.name}: ${warning.message}`);
  process.on("warning", listen);
  await work();
  await new Promise(setImmediate);
  process.off("warning", listen);
  return said;
}

test("old names of options keep working, with one warning each", async (t) => {
  const { path, journal } = journalAt(t, `damaged\n${RECORD}`);
  const evidenceDir = join(dirname(path), "kept");
  const said = await warnings(() => {
    for (const store of [new FileStore(path, { evidenceDir }), new FileStore(path, { evidenceDir })]) {
      assert.equal(store.quarantineDir, evidenceDir);
    }
    assert.equal(journal.recover("repair", { recordFact: false }).audit, "");
    assert.throws(() => journal.compact({ keepEvidence: "no" }), { name: "TypeError", message: /keepQuarantine must/ });
  });
  assert.deepEqual(said, [
    "DeprecationWarning: papyra-persistence: evidenceDir is now called quarantineDir; use that name",
    "DeprecationWarning: papyra-persistence: recordFact is now called recordAudit; use that name",
    "DeprecationWarning: papyra-persistence: keepEvidence is now called keepQuarantine; use that name",
  ]);
  const both = { evidenceDir, quarantineDir: dirname(path) };
  const message = /quarantineDir and evidenceDir, its old name, have different values/;
  assert.throws(() => new FileStore(path, both), { name: "TypeError", message });
  assert.doesNotThrow(() => new FileStore(path, { evidenceDir, quarantineDir: evidenceDir }));
});

test("a store of the program may still use the old names", (t) => {
  const { path, store } = journalAt(t, `damaged\n${RECORD}`);
  const old = {
    describe: () => store.describe(),
    append: (lines) => store.append(lines),
    snapshot() {
      const snapshot = store.snapshot();
      const rewrite = (segment, { keepEvidence, force }) => {
        const inner = snapshot.rewrite(segment, { keepQuarantine: keepEvidence, force });
        const commit = () => {
          const { quarantine, ...rest } = inner.commit();
          return { ...rest, evidence: quarantine };
        };
        return { edit: (edits) => inner.edit(edits), commit, abort: () => inner.abort() };
      };
      const read = (...asked) => snapshot.read(...asked);
      const readBack = (...asked) => snapshot.readBack(...asked);
      return { segments: snapshot.segments, read, readBack, rewrite, close: () => snapshot.close() };
    },
  };
  const { quarantine } = Journal.open(engine, old).recover("quarantine");
  assert.deepEqual(quarantine.map((name) => fs.readFileSync(name, "utf8")), ["damaged\n"]);
  assert.equal(dirname(quarantine[0]), dirname(path));
});
