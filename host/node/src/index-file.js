/**
 * The index: a text in which the engine notes how far it has found the journal sound. It is kept in a file
 * beside the journal, the same file in all hosts.
 */

import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import * as files from "./files.js";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
/** A longer text is not an index. */
const MAX = 8 << 20;

/**
 * @param {string} path of the journal
 * @param {string} [suffix]
 */
function beside(path, suffix = "") {
  // Follow a symlink: the index lies beside the real file.
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  return join(dirname(target), `.${basename(target)}.papyra-checkpoint${suffix}`);
}

/**
 * Returns the text that was saved last; an empty one if the file is missing, unreadable or not an index.
 *
 * @param {string} path of the journal
 */
export function load(path) {
  let fd = -1;
  try {
    fd = files.openOwn(beside(path), O_RDONLY);
    const bytes = files.readAt(fd, 0, Math.min(fs.fstatSync(fd).size, MAX + 1));
    return bytes.length > MAX ? "" : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return "";
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/**
 * Replaces the text that was saved before, atomically.
 *
 * @param {string} path of the journal
 * @param {string} text
 */
export function save(path, text) {
  const fresh = beside(path, "-new");
  // A killed check may have left it behind. Removed rather than truncated, because it may be a link.
  files.remove(fresh);
  try {
    const fd = files.openOwn(fresh, O_WRONLY | O_CREAT | O_EXCL);
    try {
      files.writeAll(fd, Buffer.from(text));
      fs.fdatasyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(fresh, beside(path));
  } catch (error) {
    files.remove(fresh);
    throw error;
  }
}
