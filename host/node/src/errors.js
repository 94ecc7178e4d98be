/** The errors, with codes for programs to act on. */

import { getSystemErrorName } from "node:util";

/** An operation failed. It changed nothing beyond what its message states. */
export class Failure extends Error {
  /** @param {import("./types.js").FailureFields} failure */
  constructor({ code, message, segment, line, retryable = false, written }) {
    super(message);
    this.name = "Failure";
    /** The class of the failure: `invalid-argument`, `invalid-record`, or that of a `StoreError`. */
    this.code = code;
    /** The segment concerned, if the failure is about one. */
    this.segment = segment;
    /** The line concerned, counted from 1, if the failure is about one. */
    this.line = line === undefined ? undefined : Number(line);
    /** Whether a later retry of the same call can help. */
    this.retryable = retryable;
    /** Only for appends: how much was written. After `none` the batch can be appended again. */
    this.written = written;
  }
}

/** The error that a store throws. */
export class StoreError extends Error {
  /**
   * @param {import("./types.js").StoreErrorCode} code the class of the error
   * @param {string} message one line: what happened, where, what to do next
   * @param {import("./types.js").Written} [written] for `append`: how much of the batch is visible
   *   nevertheless. Say `none` only if the store knows. An error that does not say counts as `unknown`
   */
  constructor(code, message, written) {
    super(message);
    this.name = "StoreError";
    this.code = code;
    this.written = written;
  }

  /**
   * Turns an I/O error into one that names its class, the path and the remedy. Returns other errors as
   * they are.
   *
   * @param {string} doing the verb of the operation that failed
   * @param {string} path its object
   * @param {unknown} cause
   * @param {import("./types.js").Written} [written]
   */
  static fromSystem(doing, path, cause, written) {
    if (!(cause instanceof Error) || cause instanceof StoreError || !("errno" in cause)) {
      return cause;
    }
    const name = getSystemErrorName(Number(cause.errno));
    const [code, advice] = ADVICE[name] ?? ["failed", ""];
    return new StoreError(code, `cannot ${doing} ${path}${advice} (${name})`, written);
  }
}

/** @type {Record<string, [import("./types.js").StoreErrorCode, string]>} */
const ADVICE = {
  ENOENT: ["not-found", ""],
  EACCES: ["denied", "; check the owner and mode of it and of its directory"],
  EPERM: ["denied", "; check the owner and mode of it and of its directory"],
  EROFS: ["denied", "; the file system is mounted read-only"],
  ENOSPC: ["full", "; free some space and try again"],
  EDQUOT: ["full", "; the user's disk quota is used up"],
  EFBIG: ["full", "; the limit on the size of files is reached (ulimit -f)"],
};
