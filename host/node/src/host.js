/** The imports of the engine, implemented over one store. */

import { StoreError } from "./errors.js";
import { readableAs, renamed } from "./renamed.js";
import { fromContract, toContract } from "./values.js";

/** @typedef {import("./types.js").Store} Store */
/** @typedef {import("./types.js").Chunk} Chunk */

/** The functions of `groups` and `claims`. Stores in JavaScript have no consumer groups. */
const GROUPS = [
  "ensureGroup",
  "fetch",
  "ack",
  "summarizePending",
  "listGroups",
  "listConsumers",
  "deleteGroup",
  "deleteConsumer",
  "setId",
  "quarantine",
];
const CLAIMS = ["listPending", "claim", "autoClaim"];

/** Everything that one instance of the engine can reach: one store, and the clock. */
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

  /** Returns the functions of all interfaces but the clock. */
  imports() {
    // jco looks interfaces up by their names without a version.
    return {
      "papyra:persistence/storage": guarded(this.#storage()),
      "papyra:persistence/groups": unsupported(GROUPS),
      "papyra:persistence/claims": unsupported(CLAIMS),
    };
  }

  /** Closes the snapshot and gives up the rewrite, if they are open. */
  close() {
    this.#abort();
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    if (snapshot) now("close", snapshot.close());
  }

  #abort() {
    const rewrite = this.#rewrite;
    this.#rewrite = undefined;
    try {
      if (rewrite) now("abort", rewrite.abort());
    } catch (error) {
      // The engine has no answer to an abort that fails, and is told what has failed before.
      if (!(error instanceof StoreError) && !("errno" in /** @type {any} */ (error))) throw error;
    }
  }

  #opened() {
    if (!this.#snapshot) throw new StoreError("failed", "no snapshot is open; call segments first");
    return this.#snapshot;
  }

  #rewriting() {
    if (!this.#rewrite) throw new StoreError("failed", "no rewrite is open; call rewrite-begin first");
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
      rewriteBegin: (/** @type {string} */ segment, /** @type {any} */ options) => {
        this.#abort();
        const asked = readableAs(options, "keepEvidence", "keepQuarantine");
        this.#rewrite = now("rewrite", this.#opened().rewrite(segment, asked));
      },
      rewriteEdit: (/** @type {any[]} */ edits) => this.#rewriting().edit(edits),
      rewriteCommit: () => {
        const done = now("commit", this.#rewriting().commit());
        this.#rewrite = undefined;
        return renamed(done, { evidence: "quarantine" });
      },
      rewriteAbort: () => this.#abort(),
      loadIndex: () => this.#store.loadIndex?.() ?? "",
      saveIndex: (/** @type {string} */ text) => {
        if (!this.#store.saveIndex) throw new StoreError("unsupported", "this store keeps no index");
        return this.#store.saveIndex(text);
      },
    };
  }
}

/**
 * The functions of the clock.
 *
 * @param {() => number} clock milliseconds since the epoch
 */
export function wallClock(clock) {
  return {
    now: () => {
      const now = Math.max(clock(), 0);
      const seconds = Math.floor(now / 1000);
      return { seconds: BigInt(seconds), nanoseconds: Math.floor((now - seconds * 1000) * 1e6) };
    },
    resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }),
  };
}

/** A larger chunk would end the instance before the engine could report it. */
const MAX_CHUNK = 17 << 20;
const MAX_FRAMES = 1 << 17;

/** @param {Chunk} chunk */
function piece({ start, data, frames = [], last }) {
  if (data.length > MAX_CHUNK || frames.length > MAX_FRAMES) {
    const returned = `${data.length} bytes and ${frames.length} frames`;
    const maximum = `${MAX_CHUNK} and ${MAX_FRAMES}`;
    throw new StoreError("corrupt", `the store returned ${returned} at once; the maximum is ${maximum}`);
  }
  return { start, data: { tag: "raw", val: data }, frames, last };
}

/** @param {string[]} names of functions that need consumer groups */
function unsupported(names) {
  const refuse = () => {
    throw new StoreError("unsupported", "this store has no consumer groups");
  };
  return guarded(Object.fromEntries(names.map((name) => [name, refuse])));
}

/**
 * Makes a `StoreError` the answer of the import. Any other exception ends the instance.
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
      // jco takes a thrown value that is not an `Error` as the error case of the `result`.
      const refusal = { tag: error.code, val: error.message };
      throw name === "append" ? { error: refusal, written: error.written ?? "unknown" } : refusal;
    }
  };
  return Object.fromEntries(Object.entries(functions).map(([name, inner]) => [name, guard(name, inner)]));
}

/**
 * Returns the answer of a store. Refuses a promise: the engine cannot wait for it.
 *
 * @template T
 * @param {string} name
 * @param {T} answer
 * @returns {T}
 */
function now(name, answer) {
  const promise = /** @type {any} */ (answer);
  if (typeof promise?.then !== "function") return answer;
  // The promise is dropped, and an unhandled rejection would end the process.
  promise.then(undefined, () => {});
  throw new StoreError("failed", `the store must be synchronous, and \`${name}\` returned a promise`);
}
