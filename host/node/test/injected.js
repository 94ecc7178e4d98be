/**
 * Every call that changes a file fails once, in each of several ways, during an append, a recovery and a
 * compaction. What the error says is compared with the files: `node --test test/injected.js`, with the engine
 * beside it.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { Engine, Journal } from "papyra-persistence";
import { journalFile, quarantined } from "./places.js";

const engine = await Engine.load(process.env.PAPYRA_ENGINE ?? "papyra-engine/papyra-engine.js");
const CALLS = ["writeSync", "fsyncSync", "fdatasyncSync", "ftruncateSync", "renameSync", "linkSync", "unlinkSync", "rmSync"];
/**
 * How a call fails: without having done anything, after it was done, together with all later ones; and a write
 * half-way on a disk that is full, together with later writes or with all later calls.
 */
const WAYS = ["before", "after", "for ever", "half-way", "half-way for ever"];
const REMOVES = new Set(["unlinkSync", "rmSync"]);

const sound = (from) => [0, 1, 2, 3].map((n) => `{"kind": "event", "timestamp": ${from + n}}\n`).join("");
const SOUND = sound(1);
/** Damage that recovery removes, moves apart and completes. */
const DAMAGED = `${SOUND}nonsense\n{"kind": "ev${SOUND.trimEnd()}\0\0\n${SOUND}{"kind"`;
const BATCH = '{"kind": "audit", "timestamp": 7}\n{"kind": "metric", "timestamp": 8}\n';

/**
 * Lets the call of this number, or the first write from there on, fail until the mocks are restored. Returns the
 * calls that have failed, and the number of the first.
 */
function inject(t, number, way) {
  const hit = Object.assign([], { at: 0 });
  let seen = 0;
  const fail = (name, code, errno) => {
    hit.push(name);
    throw Object.assign(new Error(`${code}: injected`), { code, errno });
  };
  for (const name of CALLS) {
    const real = fs[name];
    t.mock.method(fs, name, (...given) => {
      const at = seen++;
      if (way.startsWith("half-way")) {
        const full = name === "writeSync" || (hit.length > 0 && way === "half-way for ever");
        if (!full || at < number) return real(...given);
        if (hit.length > 0) return fail(name, "ENOSPC", -28);
        hit.push(name);
        hit.at = at;
        const [fd, data, offset = 0] = given;
        return real(fd, data, offset, Math.ceil((data.length - offset) / 2));
      }
      if (at !== number && !(way === "for ever" && hit.length > 0)) return real(...given);
      if (hit.length === 0) hit.at = at;
      if (way === "after") real(...given);
      return fail(name, "EIO", -5);
    });
  }
  return hit;
}

function under(directory, link) {
  try {
    return fs.readlinkSync(link).startsWith(directory);
  } catch {
    return false;
  }
}

/** The store of the present place. */
let current;
/** One journal over the stores of all places, since an instance of the engine takes longer than a test of one. */
const journal = Journal.open(
  engine,
  new Proxy({}, { get: (_, name) => (current[name] instanceof Function ? current[name].bind(current) : current[name]) }),
  { retention: { journal: { maxRecords: 3 } } },
);

/** Makes a journal of this content, or none, in a directory of its own, the present place. */
function begin(t, text) {
  // Programs that lock and copy for Node only take time here, and nobody is completing the torn line.
  const { path, store } = journalFile(t, text ?? "", { attributes: false, locking: false });
  t.mock.method(Atomics, "wait", () => "timed-out");
  if (text === undefined) fs.rmSync(path);
  current = store;
  return {
    content: () => (fs.existsSync(path) ? fs.readFileSync(path, "utf8") : ""),
    quarantine: () => quarantined(path),
    opened: () => fs.readdirSync("/proc/self/fd").filter((fd) => under(dirname(path), `/proc/self/fd/${fd}`)),
    hidden: () => fs.readdirSync(dirname(path)).filter((name) => name.endsWith(".papyra-rewrite")),
  };
}

/**
 * Runs an operation on the journal once for each failure of each call. `check` gets what there is then, and what
 * the operation has returned or thrown.
 */
function failures(t, text, operation, check) {
  for (const way of WAYS) {
    for (let number = 0; ; ) {
      const place = begin(t, text);
      const hit = inject(t, number, way);
      let report;
      let error;
      try {
        report = operation();
      } catch (thrown) {
        error = thrown;
      }
      t.mock.restoreAll();
      if (hit.length === 0) {
        assert.ok(number > 0, `${way}: nothing was injected`);
        break;
      }
      try {
        if (error) assert.equal(error.name, "Failure", `${error}`);
        assert.deepEqual(place.opened(), [], "files are left open");
        check({ ...place, hit, report, error });
      } catch (cause) {
        throw new Error(`${way}, call ${hit.at} (${hit}), said: ${error?.message}\n${cause.message}`, { cause });
      }
      number = hit.at + 1;
    }
  }
}

/** Compares what is said about the batch with the journal. */
function checkWritten(before, written, after) {
  // A torn line is isolated first, and that may stay.
  const whole = before + (before === "" || before.endsWith("\n") ? "" : "\n") + BATCH;
  if (written === "none") assert.equal(after, before);
  else if (written === "all") assert.equal(after, whole);
  else if (written === "some") {
    assert.ok(whole.startsWith(after) && before.length < after.length && after.length < whole.length, after);
  } else assert.equal(written, "unknown");
}

test("an append says what is in the file", (t) => {
  for (const before of [undefined, SOUND, `${SOUND}{"kind"`]) {
    const said = new Set();
    failures(t, before, () => journal.appendLines(BATCH), ({ content, error }) => {
      const after = content();
      checkWritten(before ?? "", error ? error.written : "all", after);
      if (!error) return;
      said.add(error.written);
      journal.appendLines(BATCH);
      assert.ok(content().startsWith(after), "nothing that was there goes");
      assert.ok(`\n${content()}`.endsWith(`\n${BATCH}`));
    });
    assert.deepEqual([...said].sort(), ["all", "none", "some", "unknown"]);
  }
});

/** Each failure leaves the original or the new content, whole, and no byte is nowhere. */
function checkRewrites(t, operation, keepsQuarantine) {
  const sound = begin(t, DAMAGED);
  assert.equal(operation().changed, true);
  const [renewed, removed] = [sound.content(), sound.quarantine()];
  assert.equal(removed.length, keepsQuarantine ? 1 : 0);
  const seen = { [DAMAGED]: 0, [renewed]: 0 };
  failures(t, DAMAGED, operation, ({ content, quarantine, hidden, hit, report, error }) => {
    const [left, kept] = [content(), quarantine()];
    assert.ok(left === DAMAGED || left === renewed, left);
    seen[left]++;
    // A file of the quarantine stays beside the original only if it cannot be removed.
    if (left === renewed) assert.deepEqual(kept, removed);
    else if (kept.length > 0) assert.ok(hit.some((name) => REMOVES.has(name)));
    if (error) {
      assert.equal(error.written, undefined, "that is about appends");
      assert.equal(error.message.includes("finished rewrite"), left === renewed);
    } else {
      assert.deepEqual([left, report.changed], [renewed, true]);
    }
    // The next run finishes the work, and clears away what the failed one has left.
    operation();
    assert.equal(content(), renewed);
    assert.ok(quarantine().length <= 2 * removed.length);
    for (const text of quarantine()) assert.equal(text, removed[0]);
    assert.deepEqual(hidden(), []);
  });
  assert.ok(seen[DAMAGED] > 9 && seen[renewed] > 0, JSON.stringify(Object.values(seen)));
}

test("a repair leaves the original or the new content", (t) => {
  checkRewrites(t, () => journal.recover("repair", { recordAudit: false }), false);
});

test("a quarantine leaves the original or has the rest", (t) => {
  checkRewrites(t, () => journal.recover("quarantine", { recordAudit: false }), true);
});

test("a compaction leaves the original or the new content", (t) => {
  for (const keepQuarantine of [false, true]) {
    checkRewrites(t, () => journal.compact({ keepQuarantine, recordAudit: false }), keepQuarantine);
  }
});

test("a recovery whose audit record fails has still recovered", (t) => {
  const sound = begin(t, DAMAGED);
  journal.recover("quarantine", { recordAudit: false });
  const renewed = sound.content();
  const unaudited = [];
  failures(t, DAMAGED, () => journal.recover("quarantine"), ({ content, report, error }) => {
    const left = content();
    if (error) return assert.ok(left === DAMAGED || left === renewed, left);
    assert.equal(report.changed, true);
    assert.ok(left.startsWith(renewed));
    if (report.audit) return assert.equal(left, renewed + report.audit);
    assert.match(report.note, /the audit record of it could not be written/);
    unaudited.push(left);
  });
  assert.ok(unaudited.includes(renewed));
});
