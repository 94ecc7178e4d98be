/** The errors, with codes for programs to act on. */

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
}
