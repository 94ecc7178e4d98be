/** Which files a journal is kept in, and how. */

import { resolve } from "node:path";
import { renamed } from "./renamed.js";
import { text } from "./text.js";
import { flag } from "./values.js";

/** The limits of rotating files where only one is given. */
const MAX_BYTES = 50_000_000;
const MAX_FILES = 5;

/**
 * A journal in one file, or in a set of rotating ones, which any number of processes may use at once, in whatever
 * language. An engine that is loaded from a path must be made from `papyra-node.wasm` for it.
 *
 * - A batch is appended whole or not at all, is durable when `append` returns, and never mixes with a batch of another
 *   process. A write that fails half-way is taken back.
 * - A torn line stays alone: the next append writes a line end first.
 * - A snapshot shows one moment. A rewrite is atomic, and carries over what others append meanwhile.
 * - After a failed `fdatasync` no append is acknowledged before what it may have lost was written again.
 */
export class FileStore {
  #location;
  #sync;
  #createParents;
  #lockWait;
  #rotation;

  /**
   * Does not touch the file system; the first append creates the file.
   *
   * @param {string} path
   * @param {import("./types.js").FileStoreOptions} [options]
   */
  constructor(path, options = {}) {
    const {
      sync = true,
      quarantineDir,
      createParents = false,
      lockWait = 10,
      locking = true,
      attributes = process.platform === "linux",
      maxBytes,
      maxFiles,
    } = renamed(options, { evidenceDir: "quarantineDir" });
    this.#location = text("path", path);
    this.#sync = flag("sync", sync);
    this.#createParents = flag("createParents", createParents);
    this.#lockWait = milliseconds("lockWait", lockWait);
    this.#rotation = (maxBytes ?? maxFiles) === undefined ? undefined : limits(maxBytes, maxFiles);
    this.path = resolve(path);
    this.quarantineDir = quarantineDir ? resolve(text("quarantineDir", quarantineDir)) : undefined;
    this.locking = flag("locking", locking);
    this.attributes = flag("attributes", attributes);
  }

  /** Returns what the component asks for first. */
  settings() {
    return {
      path: this.path,
      location: this.#location,
      sync: this.#sync,
      quarantineDir: this.quarantineDir,
      createParents: this.#createParents,
      lockWait: this.#lockWait,
      rotation: this.#rotation,
      readByWasi: false,
      user: process.geteuid?.(),
    };
  }
}

/**
 * @param {number} [maxBytes]
 * @param {number} [maxFiles]
 */
function limits(maxBytes = MAX_BYTES, maxFiles = MAX_FILES) {
  return {
    maxBytes: BigInt(from1("maxBytes", maxBytes, Number.MAX_SAFE_INTEGER)),
    maxFiles: from1("maxFiles", maxFiles, 1000),
  };
}

/**
 * @param {string} name
 * @param {number} value
 * @param {number} most
 */
function from1(name, value, most) {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw new TypeError(`${name} must be a whole number from 1 to ${most}, not ${value}`);
}

/**
 * @param {string} name
 * @param {number} seconds
 */
function milliseconds(name, seconds) {
  if (typeof seconds === "number" && seconds >= 0) {
    return BigInt(Math.round(Math.min(seconds * 1000, Number.MAX_SAFE_INTEGER)));
  }
  throw new TypeError(`${name} must be a number of seconds that is not negative, not ${seconds}`);
}
