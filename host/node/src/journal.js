/** What a program holds. */

import { Session } from "./engine.js";
import { Failure } from "./errors.js";
import { KINDS, RECOVERY_MODES, STARTUP_MODES, chosen, flag, seconds, small, whole } from "./values.js";

/** @typedef {import("./types.js").Retention} Retention */

/**
 * A journal in a store. Calls are synchronous: a long scan keeps the event loop, so give it a worker
 * thread in a server. The journal has one instance of the engine; a second one over the same store works
 * beside it.
 *
 * Every method throws `Failure` if the engine or the store refuses, `EngineError` if the engine traps;
 * the next call then gets a new instance, with its counters at zero. Arguments that cannot be meant are a
 * `TypeError`.
 */
export class Journal {
  #start;
  #retention;
  /** @type {Session | undefined} */
  #session;

  /**
   * @param {() => Session} start makes an instance
   * @param {Retention} [retention] hides records from `query` and `inspect`; `compact` removes them
   */
  constructor(start, retention = {}) {
    this.#start = start;
    this.#retention = policy(retention);
  }

  /**
   * A journal in a store of JavaScript.
   *
   * @param {import("./engine.js").Engine} engine made from `papyra-engine.wasm`
   * @param {import("./types.js").Store} store
   * @param {{ retention?: Retention, clock?: () => number }} [options] `clock`: instead of `Date.now`
   */
  static open(engine, store, { retention, clock = Date.now } = {}) {
    return new Journal(() => engine.instantiate(store, clock), retention);
  }

  /**
   * A journal that a component reaches through WASI, without storage code in JavaScript.
   *
   * @param {import("./engine.js").Engine} engine made from `papyra-wasi.wasm`
   * @param {() => Record<string, Record<string, unknown>>} imports makes them, for each instance anew
   * @param {{ retention?: Retention }} [options]
   */
  static openWasi(engine, imports, { retention } = {}) {
    return new Journal(() => engine.instantiateWasi(imports()), retention);
  }

  /**
   * Write records, all or none, in this order. They are durable when this returns.
   *
   * @param {import("./types.js").Draft[]} drafts
   * @returns {import("./types.js").Appended}
   */
  append(drafts) {
    return this.#call("append", drafts.map(lowered));
  }

  /**
   * Write ready lines verbatim, all or none. Each must be a sound record.
   *
   * @param {string} lines
   * @returns {import("./types.js").Appended}
   */
  appendLines(lines) {
    return this.#call("appendLines", lines);
  }

  /**
   * Pages of records that match and that retention does not hide, oldest first unless asked.
   *
   * @param {import("./types.js").Selection} [selection]
   * @returns {Generator<import("./types.js").Page, void>}
   */
  *query({ kinds = [], since, until, matching = [], limit, newestFirst = false, cursor } = {}) {
    const fixed = {
      kinds: kinds.map((kind) => chosen("kind", kind, KINDS)),
      since: seconds("since", since),
      until: seconds("until", until),
      matching,
      limit: whole("limit", limit),
      order: newestFirst ? "newest-first" : "oldest-first",
    };
    for (let end = false; !end; ) {
      /** @type {import("./types.js").Page} */
      const page = this.#call("query", { ...fixed, cursor }, this.#retention);
      ({ cursor, end } = page);
      if (page.count > 0) yield page;
    }
  }

  /**
   * Look at every entry. Changes nothing.
   *
   * @param {{ maxFindings?: number, sample?: number }} [options]
   * @returns {import("./types.js").ScanReport}
   */
  scan({ maxFindings = 100, sample } = {}) {
    return this.#call("scan", {
      maxFindings: small("maxFindings", maxFindings),
      sample: whole("sample", sample),
    });
  }

  /**
   * Repair what is damaged: `repair` drops it, `quarantine` quarantines it . An audit record says what was
   * done, unless `recordAudit` is false.
   *
   * @param {import("./types.js").RecoveryMode} [mode]
   * @param {{ dryRun?: boolean, maxFindings?: number, recordAudit?: boolean }} [options]
   * @returns {import("./types.js").Recovery}
   */
  recover(mode = "repair", { dryRun = false, maxFindings = 100, recordAudit = true } = {}) {
    return this.#call("recover", {
      mode: chosen("mode", mode, RECOVERY_MODES),
      dryRun: flag("dryRun", dryRun),
      maxFindings: small("maxFindings", maxFindings),
      recordAudit: flag("recordAudit", recordAudit),
    });
  }

  /**
   * Remove what retention hides. Refused if there is no limit at all. An audit record says what was done,
   * unless `recordAudit` is false.
   *
   * @param {import("./types.js").CompactOptions} [options]
   * @returns {import("./types.js").Compaction}
   */
  compact({ dryRun = false, force = false, keepQuarantine = false, asOf, recordAudit = true } = {}) {
    const options = {
      dryRun: flag("dryRun", dryRun),
      force: flag("force", force),
      keepQuarantine: flag("keepQuarantine", keepQuarantine),
      asOf: seconds("asOf", asOf),
      recordAudit: flag("recordAudit", recordAudit),
    };
    return this.#call("compact", this.#retention, options);
  }

  /**
   * A cheap overview of the newest so many records.
   *
   * @param {number} [limit]
   * @returns {import("./types.js").Inspection}
   */
  inspect(limit = 1000) {
    return this.#call("inspect", { limit: whole("limit", limit) }, this.#retention);
  }

  /**
   * Check before a system starts. After a clean check the next one reads what was appended since, and
   * samples the rest, unless it is to be `full`.
   *
   * @param {import("./types.js").StartupMode} [mode]
   * @param {import("./types.js").RecoveryMode} [recovery]
   * @param {{ full?: boolean, recordAudit?: boolean }} [options]
   * @returns {import("./types.js").StartupReport}
   */
  startupCheck(mode = "fail", recovery = "repair", { full = false, recordAudit = true } = {}) {
    return this.#call("startupCheck", {
      mode: chosen("mode", mode, STARTUP_MODES),
      recovery: chosen("recovery", recovery, RECOVERY_MODES),
      full: flag("full", full),
      recordAudit: flag("recordAudit", recordAudit),
    });
  }

  /**
   * What this journal has counted since its instance was made.
   *
   * @returns {import("./types.js").Counters}
   */
  metrics() {
    return this.#call("metrics");
  }

  /** Set all counters to zero. */
  resetMetrics() {
    this.#call("resetMetrics");
  }

  /** Drop the instance and what it has open. The journal can be used again. */
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
      // After a trap an instance cannot be trusted.
      if (!(error instanceof Failure)) this.close();
      throw error;
    }
  }
}

/** @param {import("./types.js").Draft} draft */
function lowered({ kind, timestamp, fields = "{}" }) {
  if (typeof fields !== "string") throw new TypeError(`fields must be a string of JSON, not ${String(fields)}`);
  return { kind: chosen("kind", kind, KINDS), timestamp: seconds("timestamp", timestamp), fields };
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
