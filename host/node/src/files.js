/**
 * Opening, locking and telling files apart. The locks are those of the Rust file store, so both can
 * work on one journal at once.
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "./errors.js";

const { O_NONBLOCK, O_NOCTTY, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = fs.constants;
/** Never wait in `open`, never become a controlling terminal. */
const CAREFUL = O_NONBLOCK | O_NOCTTY;

/**
 * Opens a regular file and nothing else: not even opening a device is without effects.
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
 * Like `openRegular` for our own files: a symlink in their place is refused, and nobody else may read
 * them.
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
 * Which file it is: device and inode.
 *
 * @param {fs.BigIntStats} status
 */
const identity = (status) => `${status.dev.toString(16)}-${status.ino.toString(16)}`;

/** @param {number} fd */
export const identify = (fd) => identity(fs.fstatSync(fd, { bigint: true }));

/**
 * Which file the path names now, following symlinks.
 *
 * @param {string} path
 */
export function named(path) {
  const status = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return status && identity(status);
}

/**
 * Takes a lock on the open file, until it is closed. Node has no call for that, but a lock belongs to
 * the open file, not to a process: so the command `flock` of util-linux takes it for us, in about two
 * milliseconds.
 *
 * @param {number} fd
 * @param {"shared" | "exclusive"} mode
 * @param {number} seconds how long to wait at most
 * @returns {boolean} whether it was free in time
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
      "Node locks files with the command `flock`, which cannot be run; install util-linux, or open the " +
        "store with `locking: false` if no other process writes to it",
    );
  }
  if (status !== 0 && stderr) throw new StoreError("failed", `cannot lock the file: ${stderr.trim()}`);
  return status === 0;
}

/**
 * Gives one open file the mode, access control list, owner and extended attributes of another. Node knows
 * of the first and third alone, and a mode without its list may let more people in than both: so the
 * command `cp` of coreutils does it for us.
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
    `access control lists and extended attributes cannot be kept (${error?.message ?? stderr.trim()}): Node ` +
      "copies them with the command `cp` of GNU coreutils; install that, or open the store with " +
      "`attributes: false` if owner, group and mode are all there is",
  );
}

/**
 * @param {string} path
 */
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
 * Like `mkdir -p`, and durable.
 *
 * @param {string} directory
 */
export function makeDirs(directory) {
  const first = fs.mkdirSync(directory, { recursive: true });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) syncDir(dirname(made));
}

/**
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
 * @param {Buffer} [data] where to, if not into a new buffer
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
 * Whether the first `length` bytes end inside a line.
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
 * Waits, keeping the thread.
 *
 * @param {number} milliseconds
 */
export const pause = (milliseconds) =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
