/**
 * Replacing a file by one without some of its bytes.
 *
 * The new content grows in a hidden temporary beside the file, whose lock says that a rewrite is going on.
 * Only the last step takes the lock that writers need. Names and locks are those of the Rust store.
 */

import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { StoreError } from "./errors.js";
import { Quarantine } from "./quarantine.js";
import * as files from "./files.js";

/** @typedef {import("./file-store.js").FileStore} FileStore */
/** @typedef {import("./types.js").Rewrite} Rewrite */

const { O_RDONLY, O_RDWR, O_CREAT } = fs.constants;
/** Writers wait while no more than about this is copied. */
const LAST_BIT = 256 << 10;
const ROUNDS = 16;
const STEP = 1 << 20;
/** A snapshot that looks for leftovers holds the temporary's lock for a moment. */
const LOOKED_AT_SECONDS = 0.05;

/**
 * Always the same for one journal, so that all processes agree and nothing piles up.
 *
 * @param {string} target
 */
export const temporaryPath = (target) => join(dirname(target), `.${basename(target)}.papyra-rewrite`);

/** @implements {Rewrite} */
export class FileRewrite {
  #store;
  #quarantineDir;
  /** @type {Quarantine | undefined} */
  #quarantine;
  #id;
  #length;
  /** What the path resolves to: a symlink stays a symlink. */
  #target = "";
  #torn = false;
  #cursor = 0;
  #removed = 0;
  #source = -1;
  #new = -1;
  /** Where the temporary is, while it is ours to remove. @type {string | undefined} */
  #temporary;

  /**
   * @param {FileStore} store
   * @param {string} id the file that was looked at
   * @param {number} length of the snapshot
   * @param {string} [quarantineDir]
   */
  constructor(store, id, length, quarantineDir) {
    this.#store = store;
    this.#quarantineDir = quarantineDir;
    this.#id = id;
    this.#length = length;
    this.#guarded(() => this.#begin());
  }

  /** @param {import("./types.js").Range[]} ranges */
  remove(ranges) {
    this.#guarded(() => {
      for (const range of ranges) this.#removeOne(range);
    });
  }

  /**
   * @param {boolean} terminateTail
   * @returns {import("./types.js").Rewritten}
   */
  commit(terminateTail) {
    try {
      return this.#guarded(() => this.#commit(terminateTail));
    } finally {
      this.abort();
    }
  }

  /** Quarantine first: its name is protected by the temporary's lock. */
  abort() {
    this.#quarantine?.discard();
    this.#quarantine = undefined;
    if (this.#temporary) files.remove(this.#temporary);
    this.#temporary = undefined;
    for (const fd of [this.#source, this.#new]) if (fd >= 0) fs.closeSync(fd);
    this.#source = this.#new = -1;
  }

  /**
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  #guarded(work) {
    try {
      return work();
    } catch (error) {
      this.abort();
      throw StoreError.fromSystem("rewrite", this.#store.path, error);
    }
  }

  #begin() {
    this.#target = fs.realpathSync(this.#store.path);
    this.#new = this.#claim();
    this.#temporary = temporaryPath(this.#target);
    this.#source = files.openRegular(this.#target, O_RDONLY);
    const status = fs.fstatSync(this.#source);
    if (files.identify(this.#source) !== this.#id || status.size < this.#length) {
      throw files.changedMeanwhile(this.#store.path);
    }
    const now = fs.fstatSync(this.#new);
    if (now.uid !== status.uid || now.gid !== status.gid) fs.fchownSync(this.#new, status.uid, status.gid);
    if (this.#store.attributes) files.copyAttributes(this.#source, this.#new);
    else fs.fchmodSync(this.#new, status.mode & 0o7777);
    this.#torn = files.isTorn(this.#source, this.#length);
  }

  /** Creates the temporary, locked, empty and readable by nobody else. */
  #claim() {
    const path = temporaryPath(this.#target);
    for (;;) {
      const fd = files.openOwn(path, O_RDWR | O_CREAT);
      try {
        if (this.#store.locking && !files.lock(fd, "exclusive", LOOKED_AT_SECONDS)) {
          throw new StoreError(
            "locked",
            `another process is rewriting ${this.#target} at the moment; try again later`,
          );
        }
        // While we waited, another rewrite may have put this very file in place as the journal.
        if (files.named(path) === files.identify(fd)) {
          const { size, nlink } = fs.fstatSync(fd);
          if (size === 0 && nlink === 1) return fd;
          // Left behind by a rewrite that was killed. Whoever has it open keeps what they see.
          files.remove(path);
        }
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
      fs.closeSync(fd);
    }
  }

  /** @param {import("./types.js").Range} range */
  #removeOne({ start, end }) {
    const [from, to] = [Number(start.minor), Number(end.minor)];
    const ordered = this.#cursor <= from && from <= to && to <= this.#length;
    if (start.major !== 0n || end.major !== 0n || !ordered) {
      throw new StoreError(
        "failed",
        `cannot remove bytes ${from} to ${to}: ranges must ascend, and lie between ${this.#cursor} ` +
          `and ${this.#length}`,
      );
    }
    this.#copy(this.#new, this.#cursor, from);
    if (this.#quarantineDir && from < to) {
      this.#quarantine ??= new Quarantine(this.#quarantineDir, this.#target, this.#source);
      this.#copy(this.#quarantine.fd, from, to);
    }
    this.#cursor = to;
    this.#removed += to - from;
  }

  /**
   * @param {boolean} terminateTail
   * @returns {import("./types.js").Rewritten}
   */
  #commit(terminateTail) {
    const tailRemoved = this.#removed > 0 && this.#cursor === this.#length;
    const terminate = terminateTail && this.#torn && !tailRemoved;
    if (this.#removed === 0 && !terminate) {
      const size = this.#locked("shared", () => this.#size());
      return { bytesBefore: BigInt(size), bytesAfter: BigInt(size), quarantine: [] };
    }

    // Everything that takes long happens before writers are made to wait.
    this.#copy(this.#new, this.#cursor, this.#length);
    fs.fsyncSync(this.#new);
    const quarantine = this.#quarantine ? [this.#quarantine.finish()] : [];
    const dropLineEnd = this.#torn && tailRemoved;
    let copied = this.#length;
    for (let round = 0; round < ROUNDS; round++) {
      const size = this.#locked("shared", () => this.#size());
      if (size - copied <= LAST_BIT) break;
      copied = this.#follow(copied, size, dropLineEnd);
      fs.fsyncSync(this.#new);
    }

    return this.#locked("exclusive", () => {
      if (files.named(this.#store.path) !== this.#id) throw files.changedMeanwhile(this.#store.path);
      const before = this.#size();
      this.#follow(copied, before, dropLineEnd);
      if (terminate && before === this.#length) files.writeAll(this.#new, Buffer.from("\n"));
      fs.fsyncSync(this.#new);
      const after = fs.fstatSync(this.#new).size;
      fs.renameSync(temporaryPath(this.#target), this.#target);
      // The switch has happened, and there is no way back.
      this.#temporary = undefined;
      this.#quarantine?.stay();
      files.syncDir(dirname(this.#target));
      return { bytesBefore: BigInt(before), bytesAfter: BigInt(after), quarantine };
    });
  }

  #size() {
    return fs.fstatSync(this.#source).size;
  }

  /**
   * Holds the journal's lock through a descriptor of its own, since closing is what gives it back.
   *
   * @template T
   * @param {"shared" | "exclusive"} mode
   * @param {() => T} work
   * @returns {T}
   */
  #locked(mode, work) {
    const fd = files.openRegular(this.#target, O_RDWR);
    try {
      this.#store.lock(fd, mode);
      return work();
    } finally {
      fs.closeSync(fd);
    }
  }

  /**
   * Copies what was appended after the snapshot, and returns how far it came.
   *
   * @param {number} start
   * @param {number} end
   * @param {boolean} dropLineEnd
   */
  #follow(start, end, dropLineEnd) {
    if (end < start) throw files.changedMeanwhile(this.#store.path);
    let from = start;
    if (dropLineEnd && start === this.#length && end > start) {
      // Otherwise the tail was not torn, only unfinished: by a program that takes no locks.
      if (files.isTorn(this.#source, start + 1)) throw files.changedMeanwhile(this.#store.path);
      from += 1;
    }
    this.#copy(this.#new, from, end);
    return end;
  }

  /**
   * Appends a range of the journal to another file.
   *
   * @param {number} to
   * @param {number} start
   * @param {number} end
   */
  #copy(to, start, end) {
    for (let at = start; at < end; ) {
      const data = files.readAt(this.#source, at, Math.min(end - at, STEP));
      if (data.length === 0) throw files.changedMeanwhile(this.#store.path);
      files.writeAll(to, data);
      at += data.length;
    }
  }
}
