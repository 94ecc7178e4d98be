/** The imports of the engine, over one store. */

import { StoreError } from "./errors.js";
import { fromContract, toContract } from "./values.js";

/** @typedef {import("./types.js").Store} Store */
/** @typedef {import("./types.js").Chunk} Chunk */

/** What a store without consumer groups says to everything. */
const GROUPS = [
  "ensureGroup",
  "fetch",
  "ack",
  "summarizePending",
  "listPending",
  "claim",
  "autoClaim",
  "listGroups",
  "setId",
  "quarantined",
];

/** What one instance of the engine can reach: one store, and the clock. */
export class Host {
  #store;
  /** @type {import("./types.js").Snapshot | undefined} */
  #snapshot;
  /** @type {import("./types.js").Rewrite | undefined} */
  #rewrite;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {() => number} clock milliseconds since the epoch */
  imports(clock) {
    const noGroups = () => {
      throw new StoreError("unsupported", "this store has no consumer groups");
    };
    // jco asks for interfaces by their names without version.
    return {
      "papyra:persistence/storage": guarded(this.#storage()),
      "papyra:persistence/groups": guarded(
        Object.fromEntries(GROUPS.map((name) => [name, noGroups])),
      ),
      "wasi:clocks/wall-clock": {
        now: () => {
          const now = Math.max(clock(), 0);
          const seconds = Math.floor(now / 1000);
          return { seconds: BigInt(seconds), nanoseconds: Math.floor((now - seconds * 1000) * 1e6) };
        },
        resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }),
      },
    };
  }

  /** Give up whatever is open. */
  close() {
    this.#abort();
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    if (snapshot) now("close", snapshot.close());
  }

  #abort() {
    const rewrite = this.#rewrite;
    this.#rewrite = undefined;
    if (rewrite) now("abort", rewrite.abort());
  }

  #opened() {
    if (!this.#snapshot) throw new StoreError("failed", "the engine has to ask for the segments first");
    return this.#snapshot;
  }

  #rewriting() {
    if (!this.#rewrite) throw new StoreError("failed", "no rewrite is open; begin one");
    return this.#rewrite;
  }

  #storage() {
    return {
      describe: () => this.#store.describe(),
      segments: () => {
        this.close();
        this.#snapshot = now("snapshot", this.#store.snapshot());
        return this.#snapshot.segments.map(toContract);
      },
      read: (/** @type {[string, any, number]} */ ...call) => piece(now("read", this.#opened().read(...call))),
      readBack: (/** @type {[string, any, number]} */ ...call) =>
        piece(now("readBack", this.#opened().readBack(...call))),
      append: (/** @type {string} */ lines, /** @type {any[]} */ runs) =>
        this.#store.append(lines, runs.map(fromContract)),
      rewriteBegin: (/** @type {[string, any]} */ ...call) => {
        this.#abort();
        this.#rewrite = now("rewrite", this.#opened().rewrite(...call));
      },
      rewriteRemove: (/** @type {any[]} */ ranges) => this.#rewriting().remove(ranges),
      rewriteCommit: (/** @type {boolean} */ terminateTail) => {
        const done = now("commit", this.#rewriting().commit(terminateTail));
        this.#rewrite = undefined;
        return done;
      },
      rewriteAbort: () => this.#abort(),
      loadCheckpoint: () => this.#store.loadCheckpoint?.() ?? "",
      saveCheckpoint: (/** @type {string} */ text) => {
        if (!this.#store.saveCheckpoint) throw new StoreError("unsupported", "this store keeps no checkpoint");
        return this.#store.saveCheckpoint(text);
      },
    };
  }
}

/** More would end the instance before the engine could say anything about it. */
const MAX_CHUNK = 17 << 20;
const MAX_FRAMES = 1 << 17;

/** @param {Chunk} chunk */
function piece({ start, data, frames = [], last }) {
  if (data.length > MAX_CHUNK || frames.length > MAX_FRAMES) {
    throw new StoreError("corrupt", `the store returned ${data.length} bytes at once, more than it may`);
  }
  return { start, data: { tag: "raw", val: data }, frames, last };
}

/**
 * What a store throws is an answer, not a trap. Anything else it throws ends the instance.
 *
 * @param {Record<string, (...call: any[]) => unknown>} functions
 */
function guarded(functions) {
  /**
   * @param {string} name
   * @param {(...call: any[]) => unknown} inner
   * @returns {(...call: any[]) => unknown}
   */
  const guard = (name, inner) => (...call) => {
    try {
      return now(name, inner(...call));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // jco takes what is thrown and is no `Error` for the error of the `result`.
      throw { tag: error.code, val: error.message };
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, inner]) => [name, guard(name, inner)]));
}

/**
 * What a store has answered. What is only going to be answered some time must not pass for it.
 *
 * @template T
 * @param {string} name
 * @param {T} answer
 * @returns {T}
 */
function now(name, answer) {
  const promise = /** @type {any} */ (answer);
  if (typeof promise?.then !== "function") return answer;
  // Nobody waits for it, and a rejection that nobody handles ends the process.
  promise.then(undefined, () => {});
  throw new StoreError("failed", `the store must be synchronous, and \`${name}\` returned a promise`);
}
