/**
 * Every call on files fails once, in each of several ways, during an append, a recovery and a compaction. What the
 * error says is compared with the files: `node --test test/injected.js`.
 */

import assert from "node:assert/strict";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { journalFile, opened, quarantined } from "./places.js";

const CHANGES = ["writeSync", "fsyncSync", "fdatasyncSync", "ftruncateSync", "renameSync", "linkSync", "unlinkSync"];
const LOOKS = ["openSync", "readSync", "statSync", "lstatSync", "fstatSync", "realpathSync", "readdirSync"];
/**
 * How a call fails: without having done anything, after it was done, together with all later ones; and a write
 * half-way on a disk that is full, together with later writes or with all later calls.
 */
const WAYS = ["before", "after", "for ever", "half-way", "half-way for ever"];

const sound = (from) => [0, 1, 2, 3].map((n) => `{"kind": "event", "timestamp": ${from + n}}\n`).join("");
const SOUND = sound(1);
/** Damage that recovery removes, moves apart and completes. */
const DAMAGED = `${SOUND}nonsense\n{"kind": "ev${SOUND.trimEnd()}\0\0\n${SOUND}{"kind"`;
const RECOVERED = SOUND.repeat(3);
const COMPACTED = `${SOUND.split("\n").slice(1).join("\n")}{"kind"`;
const BATCH = '{"kind": "audit", "timestamp": 7}\n{"kind": "metric", "timestamp": 8}\n';

// Time passes only where somebody waits, so that there are as many calls each time.
let clock = 0n;
process.hrtime.bigint = () => clock;
Atomics.wait = (_array, _index, _value, milliseconds) => {
  clock += BigInt(Math.ceil(milliseconds * 1e6));
  return "timed-out";
};

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
  for (const name of way === "after" ? CHANGES : [...CHANGES, ...LOOKS]) {
    const real = fs[name];
    t.mock.method(fs, name, (...given) => {
      const at = seen++;
      if (way.startsWith("half-way")) {
        const full = name === "writeSync" || (hit.length > 0 && way === "half-way for ever");
        if (!full || at < number) return real(...given);
        if (hit.length > 0) return fail(name, "ENOSPC", -28);
        hit.push(name);
        hit.at = at;
        const [fd, data, offset = 0, length = data.length - offset, position] = given;
        return real(fd, data, offset, Math.ceil(length / 2), position);
      }
      if (at !== number && !(way === "for ever" && hit.length > 0)) return real(...given);
      if (hit.length === 0) hit.at = at;
      if (way === "after") real(...given);
      return fail(name, "EIO", -5);
    });
  }
  return hit;
}

/** Makes a journal in a directory of its own. */
function begin(t, options) {
  // Programs that lock and copy for Node only take time here.
  const retention = { maxRecords: 3 };
  const { path, journal } = journalFile(t, undefined, { attributes: false, locking: false, retention, ...options });
  const directory = dirname(path);
  const read = (path) => (fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "");
  return {
    path,
    journal,
    /** Leaves a journal of this content, or none, and nothing else. */
    reset(text) {
      for (const name of fs.readdirSync(directory)) fs.unlinkSync(join(directory, name));
      if (text !== undefined) fs.writeFileSync(path, text);
    },
    content: () => [".2", ".1", ""].map((number) => read(path + number)).join(""),
    quarantine: () => quarantined(path),
    hidden: () => fs.readdirSync(directory).filter((name) => name.startsWith(".")),
    opened: () => opened(path).map((name) => name.replace(" (deleted)", "")),
  };
}

/**
 * Runs an operation on a journal of this content, or none, once for each failure of each call. `check` gets what there
 * is then, and what the operation has returned or thrown.
 */
function failures(t, text, options, operation, check) {
  // One instance for all, since to make one takes longer than to run an operation.
  const place = begin(t, options);
  place.journal.metrics();
  for (const way of WAYS) {
    for (let number = 0; ; ) {
      place.reset(text);
      const hit = inject(t, number, way);
      let report;
      let error;
      try {
        report = operation(place.journal);
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
        // Only the file that is appended to stays open, and may have been renamed since.
        const open = place.opened();
        assert.ok(open.length <= 1 && open.every((name) => name.startsWith("events.ndjson")), `left open: ${open}`);
        check({ ...place, hit, report, error });
      } catch (cause) {
        throw new Error(`${way}, call ${hit.at} (${hit}), said: ${error?.message}\n${cause.message}`, { cause });
      }
      number = hit.at + 1;
    }
  }
  place.journal.close();
  assert.deepEqual(place.opened(), []);
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

test("an append says what is in the files", (t) => {
  const rotating = { maxBytes: SOUND.length, maxFiles: 3 };
  const cases = [[undefined, {}], [SOUND, {}], [`${SOUND}{"kind"`, {}], [SOUND, rotating]];
  for (const [before, options] of cases) {
    const said = new Set();
    const append = (journal) => journal.appendLines(BATCH);
    failures(t, before, options, append, ({ journal, content, error }) => {
      const after = content();
      checkWritten(before ?? "", error ? error.written : "all", after);
      if (!error) return;
      said.add(error.written);
      append(journal);
      assert.ok(content().startsWith(after), "nothing that was there goes");
      assert.ok(`\n${content()}`.endsWith(`\n${BATCH}`));
    });
    assert.deepEqual([...said].sort(), ["all", "none", "some", "unknown"]);
  }
});

/** Each failure leaves the original or the new content, whole, and no byte is nowhere. */
function checkRewrites(t, operation, renewed, keepsQuarantine) {
  const sound = begin(t);
  sound.reset(DAMAGED);
  assert.equal(operation(sound.journal).changed, true);
  const removed = sound.quarantine();
  assert.deepEqual([sound.content(), removed.length], [renewed, keepsQuarantine ? 1 : 0]);
  const seen = { [DAMAGED]: 0, [renewed]: 0, unsure: 0 };
  failures(t, DAMAGED, {}, operation, ({ journal, content, quarantine, hidden, hit, report, error }) => {
    const [left, kept] = [content(), quarantine()];
    assert.ok(left === DAMAGED || left === renewed, left);
    seen[left]++;
    // A file of the quarantine stays beside the original only if it cannot be removed, or nobody can tell.
    if (left === renewed) assert.deepEqual(kept, removed);
    else if (kept.length > 0) assert.ok(hit.includes("unlinkSync") || error.message.startsWith("cannot tell"));
    if (error) {
      assert.equal(error.written, undefined, "that is about appends");
      assert.equal(error.message.includes("finished rewrite"), left === renewed);
      if (left === renewed) seen.unsure++;
    } else {
      assert.deepEqual([left, report.changed], [renewed, true]);
    }
    // The next run finishes the work, and a rewrite clears away what the failed one has left.
    const { changed } = operation(journal);
    assert.equal(content(), renewed);
    assert.ok(quarantine().length <= 2 * removed.length);
    for (const text of quarantine()) assert.equal(text, removed[0]);
    assert.deepEqual(hidden().filter((name) => changed || name.endsWith("-rewrite")), []);
  });
  assert.ok(seen[DAMAGED] > 9 && seen[renewed] > seen.unsure && seen.unsure > 0, JSON.stringify(seen));
}

test("a repair leaves the original or the new content", (t) => {
  checkRewrites(t, (journal) => journal.recover("repair", { recordAudit: false }), RECOVERED, false);
});

test("a quarantine leaves the original or has the rest", (t) => {
  checkRewrites(t, (journal) => journal.recover("quarantine", { recordAudit: false }), RECOVERED, true);
});

test("a compaction leaves the original or the new content", (t) => {
  for (const keepQuarantine of [false, true]) {
    const compact = (journal) => journal.compact({ keepQuarantine, recordAudit: false });
    checkRewrites(t, compact, COMPACTED, keepQuarantine);
  }
});

test("a recovery whose audit record fails has still recovered", (t) => {
  const unaudited = [];
  const recover = (journal) => journal.recover("quarantine");
  failures(t, DAMAGED, {}, recover, ({ content, report, error }) => {
    const left = content();
    if (error) return assert.ok(left === DAMAGED || left === RECOVERED, left);
    assert.equal(report.changed, true);
    assert.ok(left.startsWith(RECOVERED));
    if (report.audit) return assert.equal(left, RECOVERED + report.audit);
    assert.match(report.note, /the audit record of it could not be written/);
    unaudited.push(left);
  });
  assert.ok(unaudited.includes(RECOVERED));
});
