/** What a rewrite removes, kept for people to look at. */

import fs from "node:fs";
import { basename, join } from "node:path";
import * as files from "./files.js";

const { O_RDWR, O_CREAT, O_EXCL } = fs.constants;

/** An quarantine file in the making. It has a hidden name until it is complete. */
export class Quarantine {
  #directory;
  #name;
  /** @type {string | undefined} */
  #path;

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
    // The caller holds the rewrite lock of this inode: this is the leftover of a killed rewrite.
    files.remove(path);
    this.fd = files.openOwn(path, O_RDWR | O_CREAT | O_EXCL);
    this.#path = path;
    const status = fs.fstatSync(source);
    try {
      fs.fchownSync(this.fd, status.uid, status.gid);
    } catch {
      // Only root can give files away.
    }
    fs.fchmodSync(this.fd, status.mode & 0o666);
  }

  /** Makes it durable under its final name. It still goes if `stay` does not follow. */
  finish() {
    fs.fsyncSync(this.fd);
    const hidden = this.#path ?? "";
    const stamp = new Date().toISOString().replace(/[-:]/g, "");
    for (let number = 1; ; number++) {
      const path = join(this.#directory, `${this.#name}.${stamp}.${number}.quarantine`);
      try {
        // A link, unlike a rename, never replaces something.
        fs.linkSync(hidden, path);
      } catch (error) {
        if (/** @type {any} */ (error).code === "EEXIST") continue;
        throw error;
      }
      fs.unlinkSync(hidden);
      this.#path = path;
      files.syncDir(this.#directory);
      return path;
    }
  }

  /** The original no longer has these bytes. */
  stay() {
    this.#path = undefined;
  }

  discard() {
    if (this.#path) files.remove(this.#path);
    this.#path = undefined;
    if (this.fd >= 0) fs.closeSync(this.fd);
    this.fd = -1;
  }
}
