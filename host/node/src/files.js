/**
 * Opens, locks and identifies files. The locks are those of the Rust file store, so both can work on one
 * journal at once.
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "./errors.js";

const { O_NONBLOCK, O_NOCTTY, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = fs.constants;
/** `open` never waits, and never acquires a controlling terminal. */
const CAREFUL = O_NONBLOCK | O_NOCTTY;

/**
 * Opens a regular file. Refuses other files before opening them, since opening a device can have effects.
 *
 * @param {string} path
 * @param {number} flags
 */
export function openRegular(path, flags) {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  if (status) checkRegular(status, path);
  return checked(fs.openSync(path, flags | CAREFUL, 0o644), path);
}

/**
 * Opens one of the store's own files. Refuses a symlink; only the owner may read a new file.
 *
 * @param {string} path
 * @param {number} flags
 */
export function openOwn(path, flags) {
  return checked(fs.openSync(path, flags | CAREFUL | O_NOFOLLOW, 0o600), path);
}

/**
 * @param {number} fd
 * @param {string} path
 */
function checked(fd, path) {
  try {
    checkRegular(fs.fstatSync(fd), path);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/**
 * @param {fs.Stats} status
 * @param {string} path
 */
function checkRegular(status, path) {
  if (!status.isFile()) {
    throw new StoreError("failed", `${path} is not a regular file, and a journal must be one`);
  }
}

/**
 * The identity of a file: device and inode.
 *
 * @param {fs.BigIntStats} status
 */
const identity = (status) => `${status.dev.toString(16)}-${status.ino.toString(16)}`;

/** @param {number} fd */
export const identify = (fd) => identity(fs.fstatSync(fd, { bigint: true }));

/**
 * The identity of the file that the path names now, following symlinks; `undefined` if there is none.
 *
 * @param {string} path
 */
export function named(path) {
  const status = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return status && identity(status);
}

/**
 * Locks the open file until it is closed. Node has no call for that. A lock belongs to the open file, not
 * to a process, so the command `flock` of util-linux can take it, in about two milliseconds.
 *
 * @param {number} fd
 * @param {"shared" | "exclusive"} mode
 * @param {number} seconds maximum time to wait
 * @returns {boolean} whether the lock was free in time
 */
export function lock(fd, mode, seconds) {
  const wait = seconds > 0 ? ["--wait", String(seconds)] : ["--nonblock"];
  const { error, status, stderr } = spawnSync("flock", [`--${mode}`, ...wait, "3"], {
    stdio: ["ignore", "ignore", "pipe", fd],
    encoding: "utf8",
  });
  if (error) {
    throw new StoreError(
      "unsupported",
      "cannot run the command `flock`, with which Node locks files; install util-linux, or open the store " +
        "with `locking: false` if no other process writes to it",
    );
  }
  if (status !== 0 && stderr) throw new StoreError("failed", `cannot lock the file: ${stderr.trim()}`);
  return status === 0;
}

/**
 * Copies mode, owner, access control list and extended attributes from one open file to another. Node can
 * copy the first two only, and a mode without its list may grant more than both together; so the command
 * `cp` of GNU coreutils copies all of them.
 *
 * @param {number} from
 * @param {number} to
 */
export function copyAttributes(from, to) {
  const what = ["--attributes-only", "--preserve=mode,ownership,xattr"];
  const { error, status, stderr } = spawnSync("cp", [...what, "/proc/self/fd/3", "/proc/self/fd/4"], {
    stdio: ["ignore", "ignore", "pipe", from, to],
    encoding: "utf8",
  });
  if (!error && status === 0) return;
  throw new StoreError(
    "unsupported",
    `cannot copy access control lists and extended attributes (${error?.message ?? stderr.trim()}): Node ` +
      "needs the command `cp` of GNU coreutils for them; install that, or open the store with " +
      "`attributes: false` to keep only owner, group and mode",
  );
}

/** @param {string} path */
export const heldElsewhere = (path) =>
  new StoreError(
    "locked",
    `another process holds the lock of ${path}; \`fuser -v\` shows which, try again later`,
  );

/** @param {string} path */
export const changedMeanwhile = (path) =>
  new StoreError("locked", `${path} was replaced or changed meanwhile; try again`);

/**
 * Makes the names in a directory durable.
 *
 * @param {string} directory
 */
export function syncDir(directory) {
  const fd = fs.openSync(directory, O_RDONLY | O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Creates a directory and its parents, durably.
 *
 * @param {string} directory
 */
export function makeDirs(directory) {
  const first = fs.mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) syncDir(dirname(made));
}

/**
 * Writes all bytes, in as many calls as that takes.
 *
 * @param {number} fd
 * @param {Uint8Array} data
 */
export function writeAll(fd, data) {
  for (let done = 0; done < data.length; ) done += fs.writeSync(fd, data, done);
}

/**
 * Reads `length` bytes at `start`, or fewer at the end of the file.
 *
 * @param {number} fd
 * @param {number} start
 * @param {number} length
 * @param {Buffer} [data] buffer to read into, instead of a new one
 */
export function readAt(fd, start, length, data = Buffer.allocUnsafeSlow(length)) {
  let done = 0;
  while (done < length) {
    const count = fs.readSync(fd, data, done, length - done, start + done);
    if (count === 0) break;
    done += count;
  }
  return data.subarray(0, done);
}

/**
 * Returns whether the first `length` bytes end inside a line.
 *
 * @param {number} fd
 * @param {number} length
 */
export const isTorn = (fd, length) => length > 0 && readAt(fd, length - 1, 1)[0] !== 0x0a;

/**
 * Removes a file if it is there.
 *
 * @param {string} path
 */
export const remove = (path) => fs.rmSync(path, { force: true });

/**
 * Removes a file, unless it cannot be removed.
 *
 * @param {string} path
 */
export function tryToRemove(path) {
  try {
    remove(path);
  } catch {
    // It stays.
  }
}

/**
 * Blocks the thread.
 *
 * @param {number} milliseconds
 */
export const pause = (milliseconds) =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
