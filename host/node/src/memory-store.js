/** A journal in memory, for tests and for records that need not outlive the process. */

import { StoreError } from "./errors.js";

/** @typedef {import("./types.js").Store} Store */

const SEGMENT = "memory";
const START = { major: 0n, minor: 0n };

/**
 * A journal in memory. It only grows.
 *
 * @implements {Store}
 */
export class MemoryStore {
  #bytes = Buffer.alloc(1 << 16);
  #length = 0;
  #maxBytes;

  /** @param {import("./types.js").MemoryStoreOptions} [options] */
  constructor({ maxBytes = Infinity } = {}) {
    this.#maxBytes = maxBytes;
  }

  /** @returns {import("./types.js").Description} */
  describe() {
    return {
      backend: "memory",
      location: "memory",
      framing: "lines",
      layout: "sequence",
      volatile: true,
    };
  }

  /** @param {string} lines */
  append(lines) {
    const data = Buffer.from(lines);
    const length = this.#length + data.length;
    if (length > this.#maxBytes) {
      throw new StoreError(
        "full",
        `the journal in memory holds at most ${this.#maxBytes} bytes, and ${this.#length} are used`,
        "none",
      );
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    data.copy(this.#bytes, this.#length);
    this.#length = length;
  }

  /** @returns {import("./types.js").Snapshot} */
  snapshot() {
    return new View(this.#bytes.subarray(0, this.#length));
  }
}

/** A snapshot. The journal only grows at its end, so a length is enough. */
class View {
  #bytes;

  /** @param {Buffer} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    const end = { major: 0n, minor: BigInt(bytes.length) };
    /** @type {import("./types.js").Segment[]} */
    this.segments = [
      { name: SEGMENT, role: "active", number: 0, start: START, end, bytes: end.minor },
    ];
  }

  /**
   * @param {string} segment
   * @param {import("./types.js").Position} at
   */
  #clamped(segment, at) {
    if (segment !== SEGMENT) {
      throw new StoreError("not-found", "the journal in memory has no segment of that name");
    }
    const length = this.#bytes.length;
    return at.major === 0n && at.minor < BigInt(length) ? Number(at.minor) : length;
  }

  /** @type {import("./types.js").Snapshot["read"]} */
  read(segment, at, maxBytes) {
    const start = this.#clamped(segment, at);
    const end = Math.min(start + Math.max(maxBytes, 1), this.#bytes.length);
    return this.#chunk(start, end, end === this.#bytes.length);
  }

  /** @type {import("./types.js").Snapshot["readBack"]} */
  readBack(segment, before, maxBytes) {
    const end = this.#clamped(segment, before);
    const start = Math.max(end - Math.max(maxBytes, 1), 0);
    return this.#chunk(start, end, start === 0);
  }

  /** @returns {never} */
  rewrite() {
    throw new StoreError("unsupported", "a journal in memory cannot be damaged and is not rewritten");
  }

  close() {}

  /**
   * @param {number} start
   * @param {number} end
   * @param {boolean} last
   */
  #chunk(start, end, last) {
    return { start: { major: 0n, minor: BigInt(start) }, data: this.#bytes.subarray(start, end), last };
  }
}
