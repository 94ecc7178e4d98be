/**
 * The text in which the engine says how far it has found a journal sound, in a file beside the journal. Our
 * other hosts look in the same place.
 */

import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import * as files from "./files.js";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = fs.constants;
/** A longer text is none. */
const MAX = 1 << 20;

/**
 * @param {string} path of the journal
 * @param {string} [suffix]
 */
function beside(path, suffix = "") {
  // Where a symlink leads to.
  const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
  return join(dirname(target), `.${basename(target)}.papyra-checkpoint${suffix}`);
}

/**
 * What was saved last; nothing if that is missing, unreadable or not ours.
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
 * Replaces what was saved before, in one step.
 *
 * @param {string} path of the journal
 * @param {string} text
 */
export function save(path, text) {
  const fresh = beside(path, "-new");
  // Left behind by a check that was killed. Removed rather than truncated: it may be a link.
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
