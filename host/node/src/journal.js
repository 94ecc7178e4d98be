/** The journal: the interface for programs. */

import { Session } from "./engine.js";
import { Failure } from "./errors.js";
import { renamed } from "./renamed.js";
import { fieldsOf, linesOf, text } from "./text.js";
import { KINDS, RECOVERY_MODES, STARTUP_MODES, chosen, flag, seconds, small, whole } from "./values.js";

/** @typedef {import("./types.js").Retention} Retention */

/** Options as they were called before contract 0.2. */
const OLD = { keepEvidence: "keepQuarantine", recordFact: "recordAudit" };

/**
 * A journal in a store. Calls are synchronous: a long scan blocks the event loop, so a server should scan
 * in a worker thread. A journal owns one instance of the engine; several journals over the same store can
 * work side by side.
 *
 * Every method throws `Failure` if the engine or the store refuses, and `EngineError` if the engine traps.
 * After a trap the next call gets a new instance, with its counters at zero. Invalid arguments throw
 * `TypeError`.
 */
export class Journal {
  #start;
  #retention;
  /** @type {Session | undefined} */
  #session;

  /**
   * @param {() => Session} start makes an instance of the engine
   * @param {Retention} [retention] hides records from `query` and `inspect`; `compact` removes them
   */
  constructor(start, retention = {}) {
    this.#start = start;
    this.#retention = policy(retention);
  }

  /**
   * Opens a journal.
   *
   * @param {import("./engine.js").Engine} engine
   * @param {import("./types.js").Store | import("./file-store.js").FileStore} store
   * @param {import("./types.js").JournalOptions} [options]
   */
  static open(engine, store, { retention, clock = Date.now } = {}) {
    return new Journal(() => engine.instantiate(store, clock), retention);
  }

  /**
   * Opens a journal that the component reaches through WASI, without storage code in JavaScript.
   *
   * @param {import("./engine.js").Engine} engine
   * @param {() => Record<string, Record<string, unknown>>} imports returns new imports for each instance; see
   *   `preopened` in `papyra-persistence/wasi`
   * @param {{ retention?: Retention }} [options]
   */
  static openWasi(engine, imports, { retention } = {}) {
    return new Journal(() => engine.instantiateWasi(imports()), retention);
  }

  /**
   * Writes records in this order, all or none. They are durable when this returns.
   *
   * @param {import("./types.js").Draft[]} drafts
   * @returns {import("./types.js").Appended}
   */
  append(drafts) {
    return this.#call("append", drafts.map(lowered));
  }

  /**
   * Writes complete lines verbatim, all or none. Each must be a sound record, or if `lenient`, any whole JSON object,
   * as `query` returns them.
   *
   * @param {string} lines
   * @param {{ lenient?: boolean }} [options]
   * @returns {import("./types.js").Appended}
   */
  appendLines(lines, { lenient = false } = {}) {
    return this.#call("appendLines", linesOf(lines), flag("lenient", lenient));
  }

  /**
   * Yields pages of the records that match and that retention does not hide, oldest first unless
   * `newestFirst` is true.
   *
   * @param {import("./types.js").Selection} [selection]
   * @returns {Generator<import("./types.js").Page, void>}
   */
  *query({ kinds = [], since, until, matching = [], limit, newestFirst = false, noIndex = false, cursor } = {}) {
    const fixed = {
      kinds: kinds.map((kind) => chosen("kind", kind, KINDS)),
      since: seconds("since", since),
      until: seconds("until", until),
      matching: matching.map(({ field, value }) => ({ field: text("field", field), value: text("value", value) })),
      limit: whole("limit", limit),
      order: newestFirst ? "newest-first" : "oldest-first",
      noIndex: flag("noIndex", noIndex),
    };
    if (cursor !== undefined) text("cursor", cursor);
    for (let end = false; !end; ) {
      /** @type {import("./types.js").Page} */
      const page = this.#call("query", { ...fixed, cursor }, this.#retention);
      ({ cursor, end } = page);
      if (page.count > 0) yield page;
    }
  }

  /**
   * Examines every entry, or about `sample` of them. Changes nothing.
   *
   * @param {import("./types.js").ScanOptions} [options]
   * @returns {import("./types.js").ScanReport}
   */
  scan({ maxFindings = 100, sample } = {}) {
    return this.#call("scan", {
      maxFindings: small("maxFindings", maxFindings),
      sample: whole("sample", sample),
    });
  }

  /**
   * Removes what is damaged and keeps every whole record: `repair` drops the rest, `quarantine` moves it to
   * the quarantine. An audit record in the journal states what was done, unless `recordAudit` is false.
   *
   * @param {import("./types.js").RecoveryMode} [mode]
   * @param {import("./types.js").RecoverOptions} [options]
   * @returns {import("./types.js").Recovery}
   */
  recover(mode = "repair", options = {}) {
    const { dryRun = false, maxFindings = 100, recordAudit = true, allowLoss = false } = renamed(options, OLD);
    return this.#call("recover", {
      mode: chosen("mode", mode, RECOVERY_MODES),
      dryRun: flag("dryRun", dryRun),
      maxFindings: small("maxFindings", maxFindings),
      recordAudit: flag("recordAudit", recordAudit),
      allowLoss: flag("allowLoss", allowLoss),
    });
  }

  /**
   * Removes the records that retention hides. Refused without any limit. An audit record in the journal
   * states what was done, unless `recordAudit` is false.
   *
   * @param {import("./types.js").CompactOptions} [options]
   * @returns {import("./types.js").Compaction}
   */
  compact(options = {}) {
    const {
      dryRun = false,
      force = false,
      keepQuarantine = false,
      asOf,
      recordAudit = true,
      allowExpireAll = false,
      full = false,
    } = renamed(options, OLD);
    return this.#call("compact", this.#retention, {
      dryRun: flag("dryRun", dryRun),
      force: flag("force", force),
      keepQuarantine: flag("keepQuarantine", keepQuarantine),
      asOf: seconds("asOf", asOf),
      recordAudit: flag("recordAudit", recordAudit),
      allowExpireAll: flag("allowExpireAll", allowExpireAll),
      full: flag("full", full),
    });
  }

  /**
   * Returns a cheap overview of the newest `limit` records.
   *
   * @param {number} [limit]
   * @returns {import("./types.js").Inspection}
   */
  inspect(limit = 1000) {
    return this.#call("inspect", { limit: whole("limit", limit) }, this.#retention);
  }

  /**
   * Checks the journal before a system starts. After a clean check the next one reads what was appended
   * since and samples the rest, unless `full` is true.
   *
   * @param {import("./types.js").StartupMode} [mode]
   * @param {import("./types.js").RecoveryMode} [recovery]
   * @param {import("./types.js").StartupOptions} [options]
   * @returns {import("./types.js").StartupReport}
   */
  startupCheck(mode = "fail", recovery = "repair", options = {}) {
    const { full = false, recordAudit = true } = renamed(options, OLD);
    return this.#call("startupCheck", {
      mode: chosen("mode", mode, STARTUP_MODES),
      recovery: chosen("recovery", recovery, RECOVERY_MODES),
      full: flag("full", full),
      recordAudit: flag("recordAudit", recordAudit),
    });
  }

  /**
   * Makes the index, or adds to it what was appended since, so that later calls read only what they need. `hash`:
   * hash the blocks too, for `verify`; `full`: read everything again.
   *
   * @param {import("./types.js").IndexOptions} [options]
   * @returns {import("./types.js").IndexReport}
   */
  index({ hash = true, full = false } = {}) {
    return this.#call("index", { hash: flag("hash", hash), full: flag("full", full) });
  }

  /** Removes the index. Everything works without, and reads more. */
  dropIndex() {
    this.#call("dropIndex");
  }

  /**
   * Tells whether the journal is what it was when its index was made with hashes, or when `head` was noted. Anybody
   * who can write the journal can make its index anew: only a head that is kept elsewhere proves anything.
   *
   * @param {string} [head]
   * @returns {import("./types.js").VerifyReport}
   */
  verify(head) {
    if (head !== undefined) text("head", head);
    return this.#call("verify", { head });
  }

  /**
   * Returns what this journal has counted since its instance was made.
   *
   * @returns {import("./types.js").Counters}
   */
  metrics() {
    return this.#call("metrics");
  }

  /** Sets all counters to zero. */
  resetMetrics() {
    this.#call("resetMetrics");
  }

  /** Drops the instance and closes what it has open. The next call makes a new one. */
  close() {
    const session = this.#session;
    this.#session = undefined;
    session?.close();
  }

  /**
   * @param {string} name
   * @param {unknown[]} parameters
   */
  #call(name, ...parameters) {
    this.#session ??= this.#start();
    try {
      return this.#session.call(name, parameters);
    } catch (error) {
      // An instance cannot be trusted after a trap.
      if (!(error instanceof Failure)) this.close();
      throw error;
    }
  }
}

/**
 * @param {import("./types.js").Draft} draft
 * @param {number} index
 */
function lowered({ kind, timestamp, fields = "{}" }, index) {
  if (typeof fields !== "string") throw new TypeError(`fields must be a string of JSON, not ${String(fields)}`);
  return {
    kind: chosen("kind", kind, KINDS),
    timestamp: seconds("timestamp", timestamp),
    fields: fieldsOf(fields, index + 1),
  };
}

/** @param {Retention} retention */
function policy({ journal = {}, perKind = [] }) {
  return {
    journal: limits(journal),
    perKind: perKind.map((one) => ({
      kind: chosen("kind", one.kind, KINDS),
      limits: limits(one.limits),
    })),
  };
}

/** @param {import("./types.js").Limits} limits */
function limits({ maxRecords, maxAgeSeconds, maxTotalBytes }) {
  return {
    maxRecords: whole("maxRecords", maxRecords),
    maxAgeSeconds: seconds("maxAgeSeconds", maxAgeSeconds),
    maxTotalBytes: whole("maxTotalBytes", maxTotalBytes),
  };
}
