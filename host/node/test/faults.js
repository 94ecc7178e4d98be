/** Faults of programs, stores and disks: `node --test test/faults.js`. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FileStore, Journal, MemoryStore, StoreError } from "papyra-persistence";
import { engine, files, journalFile, opened } from "./places.js";

const RECORD = '{"kind": "event", "timestamp": 1}\n';

test("an engine that does not fit the store is refused with the one that does", (t) => {
  const { store } = journalFile(t, RECORD);
  const said = { name: "TypeError", message: /`FileStore` needs an engine made from `papyra-node.wasm`, any other/ };
  assert.throws(() => Journal.open(engine, store).scan(), said);
  assert.throws(() => Journal.open(files, new MemoryStore()).scan(), said);
});

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

test("only the file that is appended to stays open, until the journal is closed or forgotten", async (t) => {
  const { path, journal } = journalFile(t, RECORD);
  journal.scan();
  journal.query().next();
  assert.deepEqual(opened(path), []);
  journal.append([{ kind: "event" }]);
  journal.scan();
  assert.deepEqual(opened(path), [basename(path)]);
  journal.close();
  assert.deepEqual(opened(path), []);
  assert.equal(journal.scan().records, 2, "a closed journal opens again");

  (() => Journal.open(files, new FileStore(path)).append([{ kind: "event" }]))();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  for (let tries = 0; opened(path).length > 0 && tries < 50; tries++) {
    collect();
    await new Promise(setImmediate);
  }
  assert.deepEqual(opened(path), []);
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
  const store = (options, message) => refused(() => new FileStore("x", options), message);
  for (const lockWait of [-1, NaN, "5"]) store({ lockWait }, /lockWait must be a number of seconds that is not/);
  store({ sync: "never" }, /sync must be true or false, not never/);
  for (const maxFiles of [0, 1001, 1.5]) store({ maxFiles }, /maxFiles must be a whole number from 1 to 1000/);
  store({ maxBytes: 0 }, /maxBytes must be a whole number from 1/);
  for (const maxFindings of [-1, 1.5, 2 ** 40, "x"]) refused(() => journal.scan({ maxFindings }), /maxFindings must be/);
  for (const mode of ["scan_only", "scan-only"]) assert.notEqual(journal.startupCheck(mode).outcome, "ignored");
});

const python = (program, ...given) => spawnSync("python3", ["-c", `import os, sys; ${program}`, ...given]);

test("an append says which directory is missing", (t) => {
  const { path } = journalFile(t, RECORD);
  const inside = join(dirname(path), "missing", "events.ndjson");
  const append = (options) => {
    const journal = Journal.open(files, new FileStore(inside, options));
    journal.appendLines(RECORD);
    journal.close();
  };
  const said = { code: "not-found", message: /for want of its directory, .*\/missing/, written: "none" };
  assert.throws(() => append({}), said);
  append({ createParents: true });
  assert.equal(fs.readFileSync(inside, "utf8"), RECORD);
});

test("what is no regular file is refused unopened", (t) => {
  const { path, journal } = journalFile(t, undefined);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const said = { code: "unsupported", message: /it is a pipe, and a journal must be a regular file/ };
  for (const call of [() => journal.scan(), () => journal.appendLines(RECORD)]) assert.throws(call, said);
});

test("a rewrite keeps extended attributes and access control lists", (t) => {
  const { path, journal } = journalFile(t, `${RECORD}damaged\n`);
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
  const { path, store, journal } = journalFile(t, `${RECORD}damaged\n`, { locking: false });
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
  const { path, journal } = journalFile(t, `damaged\n${RECORD}`);
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

test("a store of the program may still use the old names", () => {
  let text = `damaged\n${RECORD}`;
  const at = (minor) => ({ major: 0n, minor: BigInt(minor) });
  const store = {
    describe: () => ({ ...new MemoryStore().describe(), volatile: false }),
    append: (lines) => void (text += lines),
    snapshot: () => ({
      segments: [{ name: "all", role: "active", number: 0, start: at(0), end: at(text.length), bytes: 0n }],
      read: (_, { minor }) => ({ start: at(minor), data: Buffer.from(text.slice(Number(minor))), last: true }),
      readBack: () => ({ start: at(0), data: Buffer.from(text), last: true }),
      rewrite(_, { keepEvidence }) {
        assert.equal(keepEvidence, true);
        let rest = "";
        const edit = ([{ start, end }]) => (rest = text.slice(0, Number(start.minor)) + text.slice(Number(end.minor)));
        const commit = () => {
          const done = { bytesBefore: BigInt(text.length), bytesAfter: BigInt(rest.length), evidence: ["kept"] };
          text = rest;
          return done;
        };
        return { edit, commit, abort() {} };
      },
      close() {},
    }),
  };
  assert.deepEqual(Journal.open(engine, store).recover("quarantine", { recordAudit: false }).quarantine, ["kept"]);
  assert.equal(text, RECORD);
});
