/** What can go wrong, for programs to act on. */

import { getSystemErrorName } from "node:util";

/** An operation of the engine did not succeed, and changed nothing that it does not say. */
export class Failure extends Error {
  /** @param {{ code: string, message: string, segment?: string, line?: bigint | number }} failure */
  constructor({ code, message, segment, line }) {
    super(message);
    this.name = "Failure";
    /** Its class: `invalid-argument`, `invalid-record`, or one of a store's. */
    this.code = code;
    /** The segment concerned, if one is. */
    this.segment = segment;
    /** The line concerned, from 1, if one is. */
    this.line = line === undefined ? undefined : Number(line);
  }
}

/** What a store throws. */
export class StoreError extends Error {
  /**
   * @param {import("./types.js").StoreErrorCode} code its class
   * @param {string} message one line for people
   */
  constructor(code, message) {
    super(message);
    this.name = "StoreError";
    this.code = code;
  }

  /**
   * The class of an I/O error, with the path and what helps. Other errors stay what they are.
   *
   * @param {string} doing what could not be done
   * @param {string} path to what
   * @param {unknown} cause
   */
  static fromSystem(doing, path, cause) {
    if (!(cause instanceof Error) || cause instanceof StoreError || !("errno" in cause)) {
      return cause;
    }
    const name = getSystemErrorName(Number(cause.errno));
    const [code, advice] = ADVICE[name] ?? ["failed", ""];
    return new StoreError(code, `cannot ${doing} ${path}${advice} (${name})`);
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
