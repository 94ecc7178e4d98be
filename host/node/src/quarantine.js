/** The quarantine: files with the bytes that rewrites have removed. */

import fs from "node:fs";
import { basename, join } from "node:path";
import * as files from "./files.js";

const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;

/** A quarantine file that is being written. Its name is hidden until it is complete. */
export class Quarantine {
  #directory;
  #name;
  /** The names of the file, to be removed unless it stays. @type {string[]} */
  #paths;

  /**
   * @param {string} directory
   * @param {string} target the journal
   * @param {number} source the journal, open
   */
  constructor(directory, target, source) {
    files.makeDirs(directory);
    this.#directory = directory;
    this.#name = basename(target);
    const path = join(directory, `.${this.#name}.${files.identify(source)}.papyra-quarantine`);
    // The caller holds the rewrite lock of this inode, so this is a leftover of a killed rewrite.
    files.remove(path);
    this.fd = files.openOwn(path, O_RDWR | O_CREAT | O_EXCL);
    this.#paths = [path];
    const status = fs.fstatSync(source);
    try {
      fs.fchownSync(this.fd, status.uid, status.gid);
    } catch {
      // Only root may change the owner.
    }
    fs.fchmodSync(this.fd, status.mode & 0o666);
  }

  /** Makes the file durable under its final name. `discard` still removes it, unless `stay` comes first. */
  finish() {
    fs.fsyncSync(this.fd);
    const [hidden] = this.#paths;
    const stamp = new Date().toISOString().replace(/[-:]/g, "");
    for (let number = 1; ; number++) {
      const path = join(this.#directory, `${this.#name}.${stamp}.${number}.quarantine`);
      try {
        // A link, unlike a rename, never replaces a file.
        fs.linkSync(hidden, path);
      } catch (error) {
        // Network file systems can report an error for a link that was made.
        if (files.named(path) !== files.identify(this.fd)) {
          if (/** @type {any} */ (error).code === "EEXIST") continue;
          throw error;
        }
      }
      this.#paths.push(path);
      fs.unlinkSync(hidden);
      this.#paths = [path];
      files.syncDir(this.#directory);
      return path;
    }
  }

  /** Keeps the file for good. */
  stay() {
    this.#paths = [];
  }

  /** Closes the file, and removes it unless it stays. A name that cannot be removed stays too. */
  discard() {
    this.#paths.forEach(files.tryToRemove);
    this.#paths = [];
    const fd = this.fd;
    this.fd = -1;
    if (fd >= 0) fs.closeSync(fd);
  }
}
