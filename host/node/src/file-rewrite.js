/**
 * Replaces a file by one in which some of its bytes are removed, or replaced by line ends.
 *
 * The new content grows in a hidden temporary file beside the journal; its lock marks a rewrite in progress.
 * Only the last step takes the lock that writers need. Names and locks are those of the Rust store.
 */

import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { StoreError } from "./errors.js";
import * as files from "./files.js";
import { Quarantine } from "./quarantine.js";

/** @typedef {import("./file-store.js").FileStore} FileStore */
/** @typedef {import("./types.js").Rewrite} Rewrite */

const { O_RDONLY, O_RDWR, O_CREAT } = fs.constants;
/** Writers wait while about this many bytes are copied at most. */
const LAST_BIT = 256 << 10;
const LINE_END = Buffer.from("\n");
const ROUNDS = 16;
const STEP = 1 << 20;
/** A snapshot that looks for leftovers holds the lock of the temporary file for a moment. */
const LOOKED_AT_SECONDS = 0.05;

/**
 * Always the same for one journal, so that all processes agree and leftovers do not accumulate.
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
  /** The path with symlinks resolved, so that a symlink stays one. */
  #target = "";
  #torn = false;
  /** Snapshot bytes before this are copied or replaced. */
  #cursor = 0;
  #changed = false;
  /** An edit ends at the end of the snapshot. */
  #tailEdited = false;
  #source = -1;
  #new = -1;
  /** From here on the new file may be the journal. */
  #switching = false;
  /** The path of the temporary file, while this rewrite has to remove it. @type {string | undefined} */
  #temporary;

  /**
   * @param {FileStore} store
   * @param {string} id identity of the file in the snapshot
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

  /** @param {import("./types.js").Edit[]} edits */
  edit(edits) {
    this.#guarded(() => {
      for (const edit of edits) this.#editOne(edit);
    });
  }

  /** @returns {import("./types.js").Rewritten} */
  commit() {
    try {
      return this.#guarded(() => this.#commit());
    } finally {
      this.abort();
    }
  }

  /**
   * Removes the quarantine first: the lock of the temporary file protects its name. What cannot be removed or
   * examined stays, and is removed by the next rewrite: that is no error of this one.
   */
  abort() {
    if (this.#switching && !this.#isOriginal()) this.#quarantine?.stay();
    this.#quarantine?.discard();
    this.#quarantine = undefined;
    if (this.#temporary && this.#isNew(this.#temporary)) files.tryToRemove(this.#temporary);
    this.#temporary = undefined;
    const open = [this.#source, this.#new];
    this.#source = this.#new = -1;
    for (const fd of open) if (fd >= 0) fs.closeSync(fd);
  }

  /**
   * Returns whether the path certainly names the new file.
   *
   * @param {string} path
   */
  #isNew(path) {
    try {
      return files.named(path) === files.identify(this.#new);
    } catch {
      return false;
    }
  }

  /** Returns whether the journal is certainly the file of the snapshot. */
  #isOriginal() {
    try {
      return files.named(this.#target) === this.#id;
    } catch {
      return false;
    }
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

  /** Creates the temporary file: locked, empty, and readable by its owner only. */
  #claim() {
    const path = temporaryPath(this.#target);
    for (;;) {
      const fd = files.openOwn(path, O_RDWR | O_CREAT);
      try {
        if (this.#store.locking && !files.lock(fd, "exclusive", LOOKED_AT_SECONDS)) {
          throw new StoreError(
            "locked",
            `another process is rewriting ${this.#target}; try again later`,
          );
        }
        // Another rewrite may have made this very file the journal while this process waited.
        if (files.named(path) === files.identify(fd)) {
          const { size, nlink } = fs.fstatSync(fd);
          if (size === 0 && nlink === 1) return fd;
          // A killed rewrite left it behind. Processes that have it open keep their view.
          files.remove(path);
        }
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
      fs.closeSync(fd);
    }
  }

  /** @param {import("./types.js").Edit} edit */
  #editOne({ start, end, lineEnd }) {
    const [from, to] = [Number(start.minor), Number(end.minor)];
    const ordered = this.#cursor <= from && from <= to && to <= this.#length;
    if (start.major !== 0n || end.major !== 0n || !ordered) {
      throw new StoreError(
        "failed",
        `cannot replace bytes ${from} to ${to}: edits must ascend, and lie between ${this.#cursor} and ` +
          `${this.#length}`,
      );
    }
    // Nothing changes, so an isolated tail must stay isolated too.
    if (from === to && !lineEnd) return;
    this.#copy(this.#new, this.#cursor, from);
    if (this.#quarantineDir && from < to) {
      this.#quarantine ??= new Quarantine(this.#quarantineDir, this.#target, this.#source);
      this.#copy(this.#quarantine.fd, from, to);
    }
    if (lineEnd) files.writeAll(this.#new, LINE_END);
    this.#cursor = to;
    this.#changed = true;
    this.#tailEdited = to === this.#length;
  }

  /** @returns {import("./types.js").Rewritten} */
  #commit() {
    if (!this.#changed) {
      const size = this.#locked("shared", () => this.#size());
      return { bytesBefore: BigInt(size), bytesAfter: BigInt(size), quarantine: [] };
    }

    // All slow steps come before the lock for which writers wait.
    this.#copy(this.#new, this.#cursor, this.#length);
    fs.fsyncSync(this.#new);
    const quarantine = this.#quarantine ? [this.#quarantine.finish()] : [];
    // The edit says what comes in place of the line end with which an append isolated the tail.
    const dropLineEnd = this.#torn && this.#tailEdited;
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
      fs.fsyncSync(this.#new);
      const after = fs.fstatSync(this.#new).size;
      this.#switch(quarantine);
      return { bytesBefore: BigInt(before), bytesAfter: BigInt(after), quarantine };
    });
  }

  /** @param {string[]} quarantine */
  #switch(quarantine) {
    this.#switching = true;
    try {
      fs.renameSync(temporaryPath(this.#target), this.#target);
    } catch (cause) {
      // NFS and file systems in user space can report an error for a rename that was done.
      if (!this.#isNew(this.#target)) throw this.#notSwitched(cause, quarantine);
    }
    this.#quarantine?.stay();
    try {
      files.syncDir(dirname(this.#target));
    } catch (cause) {
      const doing = "be sure that a power cut would not undo the finished rewrite of";
      throw StoreError.fromSystem(doing, this.#store.path, cause);
    }
  }

  /**
   * @param {unknown} cause
   * @param {string[]} quarantine
   */
  #notSwitched(cause, quarantine) {
    const error = StoreError.fromSystem("rewrite", this.#store.path, cause);
    if (!(error instanceof StoreError) || quarantine.length === 0 || this.#isOriginal()) return error;
    return new StoreError(
      error.code,
      `cannot tell whether ${this.#target} was rewritten; look at it, and at what was removed: ` +
        quarantine.join(", "),
    );
  }

  #size() {
    return fs.fstatSync(this.#source).size;
  }

  /**
   * Holds the lock of the journal through a descriptor of its own, since only closing releases it.
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
   * Copies what was appended after the snapshot, and returns the position it reached.
   *
   * @param {number} start
   * @param {number} end
   * @param {boolean} dropLineEnd
   */
  #follow(start, end, dropLineEnd) {
    if (end < start) throw files.changedMeanwhile(this.#store.path);
    let from = start;
    if (dropLineEnd && start === this.#length && end > start) {
      // Without a line end the tail was not torn: a program that takes no locks was still writing it.
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
