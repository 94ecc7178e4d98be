/**
 * A journal in one NDJSON file, with the guarantees of the Rust file store as far as Node allows.
 *
 * - A batch is appended whole or not at all, is durable when `append` returns, and never mixes with a batch
 *   of another process. A write that fails half-way is truncated again.
 * - A torn line stays alone: the next append writes a line end first.
 * - A snapshot shows one moment. A rewrite is atomic, and carries over what others append meanwhile.
 * - After a failed `fdatasync` no append is acknowledged until the file was opened anew and synced.
 */

import fs from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { StoreError } from "./errors.js";
import { FileRewrite, temporaryPath } from "./file-rewrite.js";
import * as files from "./files.js";
import * as index from "./index-file.js";
import { renamed } from "./renamed.js";
import { text } from "./text.js";

/** @typedef {import("./types.js").Segment} Segment */
/** @typedef {import("./types.js").Store} Store */

const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT } = fs.constants;
const MAX_READ = 8 << 20;
/** Duration in which a program that takes no locks may still be completing its last line. */
const SETTLING_MS = 30;

/**
 * A journal in one file, which any number of processes may use at once.
 *
 * @implements {Store}
 */
export class FileStore {
  #location;
  #sync;
  #createParents;
  #suspect = false;
  /** The identity of the file whose name is known to be durable. */
  #durable = "";

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
    } = renamed(options, { evidenceDir: "quarantineDir" });
    this.#location = text("path", path);
    this.#sync = sync;
    this.#createParents = createParents;
    this.path = resolve(path);
    this.quarantineDir = quarantineDir && resolve(quarantineDir);
    this.lockWait = lockWait;
    this.locking = locking;
    this.attributes = attributes;
  }

  /** @returns {import("./types.js").Description} */
  describe() {
    return {
      backend: "file",
      location: this.#location,
      framing: "lines",
      layout: "sequence",
      volatile: false,
    };
  }

  /** @returns {import("./types.js").Snapshot} */
  snapshot() {
    return new FileSnapshot(this);
  }

  loadIndex() {
    return index.load(this.path);
  }

  /** @param {string} text */
  saveIndex(text) {
    try {
      index.save(this.path, text);
    } catch (error) {
      throw StoreError.fromSystem("keep an index beside", this.path, error);
    }
  }

  /** @param {string} lines */
  append(lines) {
    if (lines === "") return;
    if (!lines.endsWith("\n")) {
      // The next batch would be joined to an unterminated line.
      throw new StoreError("failed", "the batch does not end with a line end; nothing of it was written", "none");
    }
    /** @type {import("./types.js").Written} */
    let written = "none";
    try {
      this.#withFile((fd) => {
        if (this.#suspect) this.#verify(fd);
        this.#appendLocked(fd, Buffer.from(lines));
        // Only closing the file can still fail, and on a network file system that is about the batch.
        written = "unknown";
      });
    } catch (error) {
      if (/** @type {any} */ (error)?.code === "ENOENT") {
        const advice = "its directory does not exist; make it, or give the store `createParents: true`";
        throw new StoreError("not-found", `cannot append to ${this.path}: ${advice}`, written);
      }
      const refusal = StoreError.fromSystem("append to", this.path, error);
      if (refusal instanceof StoreError) refusal.written ??= written;
      throw refusal;
    }
  }

  /**
   * Locks the open file, unless the store does without locks.
   *
   * @param {number} fd
   * @param {"shared" | "exclusive"} mode
   */
  lock(fd, mode) {
    if (this.locking && !files.lock(fd, mode, this.lockWait)) throw files.heldElsewhere(this.path);
  }

  /**
   * Opens and locks the file for `work`. Every append opens it anew, since only closing releases the lock.
   *
   * @param {(fd: number) => void} work
   */
  #withFile(work) {
    const deadline = Date.now() + this.lockWait * 1000;
    if (this.#createParents) files.makeDirs(dirname(this.path));
    for (;;) {
      // A new file may get the inode number of one that was removed.
      if (files.named(this.path) === undefined) this.#durable = "";
      const fd = files.openRegular(this.path, O_RDWR | O_APPEND | O_CREAT);
      try {
        this.lock(fd, "exclusive");
        // A rewrite may have replaced the file while this process waited.
        if (files.named(this.path) === files.identify(fd)) {
          if (this.#sync) this.#syncName(files.identify(fd));
          return work(fd);
        }
      } finally {
        fs.closeSync(fd);
      }
      if (Date.now() >= deadline) throw files.changedMeanwhile(this.path);
    }
  }

  /**
   * Makes the name durable. The process that created the file may have ended before doing so.
   *
   * @param {string} id
   */
  #syncName(id) {
    if (this.#durable === id) return;
    files.syncDir(dirname(fs.realpathSync(this.path)));
    this.#durable = id;
  }

  /**
   * @param {number} fd
   * @param {Buffer} data
   */
  #appendLocked(fd, data) {
    const start = fs.fstatSync(fd).size;
    const batch = files.isTorn(fd, start) ? Buffer.concat([Buffer.from("\n"), data]) : data;
    let written = 0;
    try {
      while (written < batch.length) written += fs.writeSync(fd, batch, written);
      if (this.#sync) {
        this.#suspect = true;
        fs.fdatasyncSync(fd);
        this.#suspect = false;
      }
    } catch (error) {
      const stays = takeBack(fd, start, written, written === batch.length);
      throw StoreError.fromSystem("append to", this.path, error, stays);
    }
  }

  /**
   * Syncs a file that was opened anew: after a failed `fdatasync` the kernel considers the pages clean, so
   * a success on the old descriptor would mean nothing.
   *
   * @param {number} fd
   */
  #verify(fd) {
    fs.fsyncSync(fd);
    files.syncDir(dirname(fs.realpathSync(this.path)));
    this.#suspect = false;
  }
}

/** A snapshot: the open file and the length it had. */
class FileSnapshot {
  #store;
  #fd = -1;
  /** Reused for every chunk: allocating memory costs more than reading. */
  #buffer = Buffer.alloc(0);
  #id = "";
  #length = 0;

  /** @param {FileStore} store */
  constructor(store) {
    this.#store = store;
    try {
      this.#take();
      /** @type {Segment[]} */
      this.segments = [segment(basename(store.path), "active", this.#length, this.#length)];
      this.segments.push(...leftover(store));
    } catch (error) {
      this.close();
      if (/** @type {any} */ (error)?.code === "ENOENT") {
        throw new StoreError("not-found", `there is no journal at ${store.path}`);
      }
      throw StoreError.fromSystem("read", store.path, error);
    }
  }

  #take() {
    const { path } = this.#store;
    const deadline = Date.now() + this.#store.lockWait * 1000;
    for (;;) {
      // The lock is taken through a descriptor of its own, since closing it releases the lock.
      const probe = files.openRegular(path, O_RDONLY);
      try {
        this.#fd = files.openRegular(path, O_RDONLY);
        this.#id = files.identify(this.#fd);
        this.#store.lock(probe, "shared");
        this.#length = settled(probe);
        const same = files.identify(probe) === this.#id && files.named(path) === this.#id;
        if (same) return;
      } finally {
        fs.closeSync(probe);
      }
      this.close();
      if (Date.now() >= deadline) throw files.changedMeanwhile(path);
    }
  }

  /** @type {import("./types.js").Snapshot["read"]} */
  read(segment, at, maxBytes) {
    const start = this.#clamped(segment, at);
    const end = Math.min(start + clamped(maxBytes), this.#end(segment));
    return this.#chunk(start, end, end === this.#end(segment));
  }

  /** @type {import("./types.js").Snapshot["readBack"]} */
  readBack(segment, before, maxBytes) {
    const end = this.#clamped(segment, before);
    const start = Math.max(end - clamped(maxBytes), 0);
    return this.#chunk(start, end, start === 0);
  }

  /** @type {import("./types.js").Snapshot["rewrite"]} */
  rewrite(segment, { keepQuarantine }) {
    this.#end(segment);
    if (segment !== basename(this.#store.path)) {
      throw new StoreError(
        "unsupported",
        `${segment} does not belong to the journal and is never changed`,
      );
    }
    const quarantineDir = keepQuarantine ? this.#store.quarantineDir : undefined;
    if (keepQuarantine && !quarantineDir) {
      throw new StoreError(
        "unsupported",
        "no quarantine directory is set; give the store `quarantineDir`",
      );
    }
    return new FileRewrite(this.#store, this.#id, this.#length, quarantineDir);
  }

  close() {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }

  /** @param {string} name */
  #end(name) {
    // A leftover is listed as an empty segment.
    const found = this.segments.find((one) => one.name === name);
    if (!found) throw new StoreError("not-found", `${this.#store.path} has no segment of that name`);
    return Number(found.end.minor);
  }

  /**
   * @param {string} name
   * @param {import("./types.js").Position} at
   */
  #clamped(name, at) {
    const end = this.#end(name);
    return at.major === 0n && at.minor < BigInt(end) ? Number(at.minor) : end;
  }

  /**
   * @param {number} start
   * @param {number} end
   * @param {boolean} last
   */
  #chunk(start, end, last) {
    const { path } = this.#store;
    let data;
    try {
      if (this.#buffer.length < end - start) this.#buffer = Buffer.allocUnsafeSlow(end - start);
      data = files.readAt(this.#fd, start, end - start, this.#buffer);
    } catch (error) {
      throw StoreError.fromSystem("read", path, error);
    }
    if (data.length < end - start) {
      const at = start + data.length;
      throw new StoreError("corrupt", `${path} was cut short at byte ${at} while it was read`);
    }
    return { start: { major: 0n, minor: BigInt(start) }, data, last };
  }
}

/**
 * Removes what a failed append has written while its lock is held. Returns how much of it stays.
 *
 * @param {number} fd
 * @param {number} start
 * @param {number} written
 * @param {boolean} whole
 * @returns {import("./types.js").Written}
 */
function takeBack(fd, start, written, whole) {
  try {
    const { size } = fs.fstatSync(fd);
    if (size === start + written) {
      if (written > 0) fs.ftruncateSync(fd, start);
      return "none";
    }
    // Another program has cut the file.
    if (size < start + written) return "unknown";
  } catch {
    // It stays, as below.
  }
  // It stays: it cannot be removed, or a program that takes no locks has written lines behind it.
  if (whole) return "all";
  return written > 0 ? "some" : "unknown";
}

/**
 * Returns a length that does not lie inside a write. The caller holds the lock that writers take.
 *
 * @param {number} fd
 */
function settled(fd) {
  for (let waited = 0; ; waited += SETTLING_MS / 6) {
    const { size } = fs.fstatSync(fd);
    if (!files.isTorn(fd, size) || waited >= SETTLING_MS) return size;
    files.pause(SETTLING_MS / 6);
  }
}

/**
 * Returns the temporary file of a killed rewrite, if there is one: its lock is free.
 *
 * @param {FileStore} store
 * @returns {Segment[]}
 */
function leftover(store) {
  const path = temporaryPath(fs.realpathSync(store.path));
  if (files.named(path) === undefined) return [];
  let fd = -1;
  try {
    fd = files.openOwn(path, O_RDONLY);
    const free = !store.locking || files.lock(fd, "shared", 0);
    if (!free || files.named(path) !== files.identify(fd)) return [];
    return [segment(basename(path), "leftover", 0, fs.fstatSync(fd).size)];
  } catch {
    return [];
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/**
 * @param {string} name
 * @param {"active" | "leftover"} role
 * @param {number} end
 * @param {number} bytes
 * @returns {Segment}
 */
function segment(name, role, end, bytes) {
  const at = (/** @type {number} */ minor) => ({ major: 0n, minor: BigInt(minor) });
  return { name, role, number: 0, start: at(0), end: at(end), bytes: BigInt(bytes) };
}

/**
 * At least one byte, since an empty chunk means the end.
 *
 * @param {number} maxBytes
 */
const clamped = (maxBytes) => Math.min(Math.max(maxBytes, 1), MAX_READ);
