/**
 * The interface `disk`, over the file system of Node. The component decides what is to be done, and does it in
 * steps; each function here is one of them. The locks are those of the Rust host, so both can work on one journal
 * at once.
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";

const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL } = fs.constants;
const { O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, O_DIRECTORY } = fs.constants;
/** How much is copied at once. */
const STEP = 1 << 20;
/** Fewer zeros are written. */
const HOLE = 64 << 10;
/** Seconds for which a request for a lock waits, since a request alone takes two milliseconds. */
const LOCK_WAIT = "0.05";

/** @type {Record<string, string>} */
const CAUSES = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EEXIST: "already-exists",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "read-only",
  ENOSPC: "full",
  EFBIG: "too-large",
  ENOSYS: "unsupported",
  ENOTSUP: "unsupported",
};

/**
 * The error case of a `result`: jco takes a thrown value for it that is not an `Error`.
 *
 * @param {string} cause
 * @param {string} message
 */
const failure = (cause, message) => ({ cause, message });

/**
 * A file that an instance has open. Its lock belongs to a descriptor of its own, since Node can only give it back
 * by closing that.
 *
 * @typedef {{ fd: number, path: string, write: boolean, append: boolean, lock: number }} Opened
 */
/** @typedef {import("./file-store.js").FileStore} FileStore */

/** Closes the files of a journal that a program has dropped without closing it. */
const dropped = new FinalizationRegistry(closeAll);

/** The files of one instance. */
export class Disk {
  #store;
  /** @type {Map<number, Opened>} */
  #files = new Map();
  #last = 0;
  /** Reused for every piece: allocating memory costs more than reading. */
  #buffer = Buffer.alloc(0);

  /** @param {FileStore} store */
  constructor(store) {
    this.#store = store;
    dropped.register(this, this.#files);
  }

  /** Closes all files, which gives back their locks. */
  close() {
    closeAll(this.#files);
  }

  /** Returns the functions of the interface `disk`. */
  imports() {
    /** @type {Record<string, (...call: any[]) => unknown>} */
    const functions = {
      getSettings: () => this.#store.settings(),
      open: (path, how) => this.#open(path, how),
      close: (number) => this.#close(number),
      stat: (path, follow) => metadata((follow ? fs.statSync : fs.lstatSync)(path, { bigint: true })),
      fstat: (number) => metadata(fs.fstatSync(this.#fd(number), { bigint: true })),
      realPath: (path) => fs.realpathSync(path),
      rename: (old, name) => fs.renameSync(old, name),
      renameNew: () => {
        throw failure("unsupported", "Node cannot refuse a name that is taken");
      },
      link: (old, name) => fs.linkSync(old, name),
      remove: (path) => fs.unlinkSync(path),
      createDir: (path) => fs.mkdirSync(path),
      listDir: (path) => fs.readdirSync(path),
      syncDir,
      read: (number, offset, length) => this.#read(this.#fd(number), Number(offset), length),
      append: (number, bytes) => append(this.#file(number), bytes),
      startAppending: (number) => startAppending(this.#file(number)),
      write: (number, offset, bytes) => write(this.#file(number), bytes, Number(offset)),
      setLength: (number, length) => fs.ftruncateSync(this.#fd(number), Number(length)),
      sync: (number, all) => (all ? fs.fsyncSync : fs.fdatasyncSync)(this.#fd(number)),
      // Where no other process writes, every lock is free.
      lock: (number, exclusive) => (this.#store.locking ? lock(this.#file(number), exclusive) : "locked"),
      unlock: (number) => unlock(this.#file(number)),
      copy: (source, start, end, target, offset) =>
        this.#copy(this.#fd(source), Number(start), Number(end), this.#fd(target), Number(offset)),
      resemble: (number, other, quarantine) => this.#resemble(this.#fd(number), this.#fd(other), quarantine),
      monotonic: () => process.hrtime.bigint(),
      sleep: (duration) => pause(Number(duration) / 1e6),
    };
    return Object.fromEntries(Object.entries(functions).map(([name, inner]) => [name, guarded(inner)]));
  }

  /** @param {number} number */
  #file(number) {
    const file = this.#files.get(number);
    if (!file) throw failure("other", "the file is closed");
    return file;
  }

  /** @param {number} number */
  #fd(number) {
    return this.#file(number).fd;
  }

  /**
   * @param {string} path
   * @param {{ write: boolean, append: boolean, create: string, here: boolean, private: boolean }} how
   */
  #open(path, { write, append, create, here, private: own }) {
    // Opening a pipe can wait for ever, and opening a device can have effects.
    const status = (here ? fs.lstatSync : fs.statSync)(path, { throwIfNoEntry: false });
    if (status) checkRegular(status);
    const making = create === "no" ? 0 : create === "new" ? O_CREAT | O_EXCL : O_CREAT;
    const access = (write ? O_RDWR : O_RDONLY) | (append ? O_APPEND : 0) | (here ? O_NOFOLLOW : 0);
    const fd = fs.openSync(path, access | making | O_NONBLOCK | O_NOCTTY, own ? 0o600 : 0o644);
    try {
      checkRegular(fs.fstatSync(fd));
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    this.#last += 1;
    this.#files.set(this.#last, { fd, path, write, append, lock: -1 });
    return this.#last;
  }

  /** @param {number} number */
  #close(number) {
    const file = this.#files.get(number);
    if (!file) return;
    this.#files.delete(number);
    close(file);
  }

  /**
   * @param {number} fd
   * @param {number} offset
   * @param {number} length
   */
  #read(fd, offset, length) {
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(length);
    return this.#buffer.subarray(0, fs.readSync(fd, this.#buffer, 0, length, offset));
  }

  /**
   * @param {number} source
   * @param {number} start
   * @param {number} end
   * @param {number} target
   * @param {number} offset
   */
  #copy(source, start, end, target, offset) {
    let at = start;
    while (at < end) {
      const data = this.#read(source, at, Math.min(end - at, STEP));
      // The component reads on by itself, and says what is wrong.
      if (data.length === 0) break;
      const to = offset + at - start;
      // Node cannot ask for holes. What is nothing but zeros is as good as one.
      if (data.length >= HOLE && isZero(data) && fs.fstatSync(target).size <= to)
        fs.ftruncateSync(target, to + data.length);
      else writeAll(target, data, to);
      at += data.length;
    }
    return BigInt(at - start);
  }

  /**
   * @param {number} fd
   * @param {number} other
   * @param {boolean} quarantine
   */
  #resemble(fd, other, quarantine) {
    const [now, { uid, gid, mode }] = [fs.fstatSync(fd), fs.fstatSync(other)];
    let grouped = true;
    try {
      if (now.uid !== uid || now.gid !== gid) fs.fchownSync(fd, uid, gid);
    } catch (error) {
      // Only root may change the owner.
      if (!quarantine) throw error;
      grouped = works(() => fs.fchownSync(fd, now.uid, gid));
    }
    const { attributes } = this.#store;
    if (quarantine) share(other, fd, mode, { grouped, attributes });
    else if (attributes) copyAttributes(other, fd, "mode,ownership,xattr");
    else fs.fchmodSync(fd, mode & 0o7777);
  }
}

/** @param {Buffer} data */
const isZero = (data) => data[0] === 0 && data.compare(data, 1, data.length, 0, data.length - 1) === 0;

/** @param {() => void} call */
function works(call) {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

/**
 * Lets those read and write the quarantine who may do so with the journal; in doubt fewer. The rights of the group
 * cannot be told from those of an access control list here, so they need `cp`.
 *
 * @param {number} from
 * @param {number} to
 * @param {number} mode
 * @param {{ grouped: boolean, attributes: boolean }} what
 */
function share(from, to, mode, { grouped, attributes }) {
  fs.fchmodSync(to, mode & (grouped && !attributes ? 0o666 : 0o606));
  if (grouped && attributes && works(() => copyAttributes(from, to, "mode")))
    fs.fchmodSync(to, fs.fstatSync(to).mode & 0o666);
}

/**
 * Makes an error of the system the answer of a call. Any other one ends the instance.
 *
 * @param {(...call: any[]) => unknown} inner
 * @returns {(...call: any[]) => unknown}
 */
const guarded =
  (inner) =>
  (...call) => {
    try {
      return inner(...call);
    } catch (error) {
      if (!(error instanceof Error) || !("errno" in error)) throw error;
      const { errno, message } = error;
      // Node does not know this one.
      if (errno === -constants.errno.EDQUOT) throw failure("quota", "EDQUOT");
      // Node adds the call and the path, which the component says better.
      throw failure(CAUSES[getSystemErrorName(Number(errno))] ?? "other", message.split(", ")[0] ?? message);
    }
  };

/** @param {fs.BigIntStats} status */
function metadata(status) {
  return {
    device: status.dev,
    inode: status.ino,
    length: status.size,
    links: status.nlink,
    modified: status.mtimeNs < 0n ? 0n : status.mtimeNs,
    owner: process.getuid && Number(status.uid),
    kind: kindOf(status),
  };
}

/** @param {fs.StatsBase<number | bigint>} status */
function kindOf(status) {
  if (status.isFile()) return "regular";
  if (status.isDirectory()) return "directory";
  if (status.isSymbolicLink()) return "link";
  if (status.isFIFO()) return "pipe";
  return status.isSocket() ? "socket" : "device";
}

/** @param {fs.Stats} status */
function checkRegular(status) {
  if (!status.isFile()) {
    throw failure("unsupported", `it is a ${kindOf(status)}, and a journal must be a regular file`);
  }
}

/**
 * Opens a file that is open already once more, whatever its name has become.
 *
 * @param {Opened} file
 * @param {number} flags
 */
function again({ fd, path }, flags) {
  if (process.platform === "linux") return fs.openSync(`/proc/self/fd/${fd}`, flags);
  const other = fs.openSync(path, flags | O_NONBLOCK | O_NOCTTY);
  const [one, two] = [fd, other].map((open) => fs.fstatSync(open, { bigint: true }));
  if (one?.dev === two?.dev && one?.ino === two?.ino) return other;
  fs.closeSync(other);
  throw failure("other", "it has another name by now");
}

/**
 * @param {Opened} file
 * @param {Uint8Array} bytes
 */
function append({ fd, append }, bytes) {
  if (!append) throw failure("other", "the file is not one that is appended to");
  return fs.writeSync(fd, bytes);
}

/** @param {Opened} file */
function startAppending(file) {
  if (file.append) return;
  const fd = again(file, O_RDWR | O_APPEND);
  fs.closeSync(file.fd);
  file.fd = fd;
  file.append = true;
}

/**
 * @param {Opened} file
 * @param {Uint8Array} bytes
 * @param {number} offset
 */
function write(file, bytes, offset) {
  if (!file.append) return writeAll(file.fd, bytes, offset);
  // What is written there through the file's own descriptor goes to its end.
  const fd = again(file, O_RDWR);
  try {
    writeAll(fd, bytes, offset);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * @param {number} fd
 * @param {Uint8Array} bytes
 * @param {number} offset
 */
function writeAll(fd, bytes, offset) {
  for (let done = 0; done < bytes.length; ) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

/**
 * Makes the names in a directory durable.
 *
 * @param {string} path
 */
function syncDir(path) {
  const fd = fs.openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    throw code === "EINVAL" ? failure("unsupported", "EINVAL") : error;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Locks a file. Node has no call for that. A lock belongs to an open file, not to a process, so the command `flock`
 * of util-linux can take it, in about two milliseconds.
 *
 * @param {Opened} file
 * @param {boolean} exclusive
 */
function lock(file, exclusive) {
  unlock(file);
  // Some network file systems lock exclusively only what is open for writing.
  const fd = again(file, file.write ? O_RDWR : O_RDONLY);
  const mode = exclusive ? "--exclusive" : "--shared";
  const { error, status, stderr } = spawnSync("flock", [mode, "--wait", LOCK_WAIT, "3"], {
    stdio: ["ignore", "ignore", "pipe", fd],
    encoding: "utf8",
    // To pass on everything else takes a tenth of the time.
    env: { PATH: process.env.PATH },
  });
  if (!error && status === 0) {
    file.lock = fd;
    return "locked";
  }
  fs.closeSync(fd);
  if (error) {
    throw failure(
      "unsupported",
      "cannot run the command `flock`, with which Node locks files; install util-linux, or open the store with " +
        "`locking: false` if no other process writes to it",
    );
  }
  if (stderr) throw failure("other", stderr.trim());
  return "busy";
}

/** @param {Map<number, Opened>} files */
function closeAll(files) {
  for (const file of files.values()) close(file);
  files.clear();
}

/** @param {Opened} file */
function close(file) {
  unlock(file);
  tryToClose(file.fd);
}

/** @param {Opened} file */
function unlock(file) {
  if (file.lock >= 0) tryToClose(file.lock);
  file.lock = -1;
}

/** @param {number} fd */
function tryToClose(fd) {
  try {
    fs.closeSync(fd);
  } catch {
    // It is closed nevertheless, and what must be durable was synced before.
  }
}

/**
 * Copies mode, owner, access control list and extended attributes from one open file to another. Node can copy the
 * first two only, and a mode without its list may grant more than both together; so the command `cp` of GNU
 * coreutils copies them.
 *
 * @param {number} from
 * @param {number} to
 * @param {string} which
 */
function copyAttributes(from, to, which) {
  const what = ["--attributes-only", `--preserve=${which}`];
  const { error, status, stderr } = spawnSync("cp", [...what, "/proc/self/fd/3", "/proc/self/fd/4"], {
    stdio: ["ignore", "ignore", "pipe", from, to],
    encoding: "utf8",
  });
  if (!error && status === 0) return;
  throw failure(
    "unsupported",
    `cannot copy access control lists and extended attributes (${error?.message ?? stderr.trim()}): Node needs ` +
      "the command `cp` of GNU coreutils for them; install that, or open the store with `attributes: false` to " +
      "keep only owner, group and mode",
  );
}

/**
 * Blocks the thread.
 *
 * @param {number} milliseconds
 */
const pause = (milliseconds) =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
