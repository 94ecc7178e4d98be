"""The interfaces `disk` and `disk-text`, over the calls of the system. The component decides what is to be
done, and does it in steps; each function here is one of them. The locks are those of the Rust host, so both
can work on one journal at once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wasmtime.component import Linker, Record

from . import forks, payload
from .file import FileStore
from .interrupts import Interrupts
from .text import Paths, sayable
from .values import record

#: `open` never waits, never acquires a controlling terminal, and never leaks into children.
_CAREFUL = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: How much is copied in one call.
_STEP = 8 << 20
#: A shorter hole is filled.
_HOLE = 64 << 10
#: The longest wait for a lock, in seconds: some centuries.
_FOREVER = 1e10
_CAUSES = {
    errno.ENOENT: "not-found",
    errno.ENOTDIR: "not-found",
    errno.EEXIST: "already-exists",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EROFS: "read-only",
    errno.ENOSPC: "full",
    errno.EDQUOT: "quota",
    errno.EFBIG: "too-large",
    errno.ENOSYS: "unsupported",
    errno.EOPNOTSUPP: "unsupported",
}
#: The calls of which there can be many. Once the call of the engine is interrupted they fail, and the
#: component comes to an end by itself: it takes back what it has begun, with the other calls.
_LONG = ("open", "read", "append", "copy", "list-dir")
#: The calls of `disk-text` whose answer is text.
_TOLD = ("stat", "fstat", "append", "sync", "lock")
_CREATE = {"no": 0, "if-missing": os.O_CREAT, "new": os.O_CREAT | os.O_EXCL}
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
_NO_KERNEL_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
_KINDS = {
    stat.S_IFREG: ("regular", ""),
    stat.S_IFDIR: ("directory", "it is a directory; give the path of a file in it"),
    stat.S_IFLNK: ("link", "it is a symbolic link; give the path that it leads to"),
    stat.S_IFIFO: ("pipe", "it is a named pipe, not a regular file"),
    stat.S_IFSOCK: ("socket", "it is a socket, not a regular file"),
}
_DEVICE = ("device", "it is a device, not a regular file")


class _Refused(Exception):
    """A failure whose cause is not that of an error of the system."""

    def __init__(self, cause: str, message: str):
        super().__init__(message)
        self.cause = cause


@dataclass
class _File:
    """A file that an instance has open."""

    fd: int
    append: bool
    locked: bool = False


class Disk:
    """The files of one instance."""

    def __init__(self, store: FileStore, read_by_wasi: bool):
        self._store = store
        self._read_by_wasi = read_by_wasi
        self._files: dict[int, _File] = {}
        self._last = 0
        self._paths = Paths()
        #: What was read last was ASCII.
        self._ascii = False
        #: A file was opened since this was set to false.
        self.opened = False
        forks.track(self)

    def link(self, linker: Linker, interrupts: Interrupts) -> None:
        """Defines the interfaces, each call in the one from which the component takes it."""
        disk: dict[str, Callable[..., Any]] = {
            "get-settings": self._settings,
            "open": self._open,
            "close": self._close,
            "real-path": self._real_path,
            "rename": lambda old, new: os.rename(self._meant(old), self._meant(new)),
            "rename-new": _rename_new,
            "link": lambda old, new: os.link(self._meant(old), self._meant(new)),
            "remove": lambda path: os.unlink(self._meant(path)),
            "create-dir": lambda path: os.mkdir(self._meant(path)),
            "list-dir": lambda path: [self._paths.told(name) for name in os.listdir(self._meant(path))],
            "sync-dir": lambda path: _sync_dir(self._meant(path)),
            "append": self._append,
            "start-appending": self._start_appending,
            "write": self._write,
            "set-length": lambda number, length: os.ftruncate(self._fd(number), length),
            "unlock": lambda number: _unlock(self._files[number]),
            "copy": self._copy,
            "resemble": lambda number, other, quarantine: _resemble(
                self._fd(number), self._fd(other), quarantine
            ),
            "monotonic": time.monotonic_ns,
            "sleep": lambda duration: time.sleep(duration / 1e9),
        }
        text: dict[str, Callable[..., Any]] = {
            "stat": self._stat,
            "fstat": lambda number: _metadata(os.fstat(self._fd(number))),
            "read": self._read_text,
            "append": lambda number, text: str(self._append(number, text.encode())),
            "write": lambda number, offset, text: self._write(number, offset, text.encode()),
            "sync": self._sync,
            "lock": lambda number, exclusive: self._lock(number, exclusive, interrupts),
        }
        with linker.root() as root:
            for name, functions in (("disk", disk), ("disk-text", text)):
                with root.add_instance(f"papyra:persistence/{name}@0.2.0") as instance:
                    for function, answer in functions.items():
                        ends = InterruptedError if function in _LONG else None
                        told = functions is text and function in _TOLD
                        refusal = _told_failure if told else _failure
                        instance.add_func(function, interrupts.guarded(answer, refusal, ends))

    def close(self) -> None:
        """Closes all files, which gives back their locks."""
        # It has none yet if a signal has ended its making.
        for number in list(getattr(self, "_files", ())):
            self._close(number)

    __del__ = close

    def readable(self, value: Any) -> Any:
        """Returns an answer of the component with the names of files in it readable for people."""
        return _readable(value, self._paths.sayable) if self._paths.odd else value

    def _forked(self) -> None:
        """Closes the files. The locks are the parent's, and are not given back."""
        files, self._files = self._files, {}
        for file in files.values():
            with contextlib.suppress(OSError):
                os.close(file.fd)

    def _fd(self, number: int) -> int:
        return self._files[number].fd

    def _meant(self, path: str) -> str:
        return self._paths.meant(path)

    def _settings(self) -> Record:
        store, told = self._store, self._paths.told
        rotates = store.max_bytes is not None
        return record(
            path=told(store.path),
            location=sayable(store.location),
            sync=bool(store.sync),
            quarantine_dir=store.quarantine_dir and told(store.quarantine_dir),
            create_parents=bool(store.create_parents),
            lock_wait=round(min(max(store.lock_wait, 0), _FOREVER) * 1000),
            rotation=record(max_bytes=store.max_bytes, max_files=store.max_files) if rotates else None,
            read_by_wasi=self._read_by_wasi,
            user=os.geteuid(),
        )

    def _open(self, path: str, how: Record) -> int:
        path = self._meant(path)
        # Opening a pipe can wait for ever, and opening a device can have effects.
        with contextlib.suppress(FileNotFoundError):
            _check_regular(os.stat(path, follow_symlinks=not how.here))
        flags = (os.O_RDWR if how.write else os.O_RDONLY) | _CREATE[how.create] | _CAREFUL
        flags |= (how.append and os.O_APPEND) | (how.here and os.O_NOFOLLOW)
        fd = os.open(path, flags, 0o600 if how.private else 0o644)
        try:
            _check_regular(os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        self._last += 1
        self._files[self._last] = _File(fd, how.append)
        self.opened = True
        return self._last

    def _close(self, number: int) -> None:
        file = self._files.pop(number, None)
        if file is not None:
            # A child that was forked meanwhile may have the file open, too: closing alone would leave it the
            # lock.
            _unlock(file)
            with contextlib.suppress(OSError):
                os.close(file.fd)

    def _stat(self, path: str, follow: bool) -> str:
        return _metadata(os.stat(self._meant(path), follow_symlinks=follow))

    def _real_path(self, path: str) -> str:
        return self._paths.told(os.path.realpath(self._meant(path), strict=True))

    def _read_text(self, number: int, offset: int, length: int) -> str | bytes:
        most = length if self._ascii else min(length, payload.MOST_TEXT)
        data = os.pread(self._fd(number), most, offset)
        self._ascii = data.isascii()
        return payload.forward(data)[0]

    def _append(self, number: int, data: bytes) -> int:
        file = self._files[number]
        if not file.append:
            raise _Refused("other", "the file is not one that is appended to")
        return os.write(file.fd, data)

    def _start_appending(self, number: int) -> None:
        file = self._files[number]
        _set_append(file.fd, True)
        file.append = True

    def _write(self, number: int, offset: int, data: bytes) -> None:
        file = self._files[number]
        if not file.append:
            return _write_all(file.fd, data, offset)
        # Otherwise all of it would go to the end.
        _set_append(file.fd, False)
        try:
            _write_all(file.fd, data, offset)
        finally:
            _set_append(file.fd, True)

    def _sync(self, number: int, all: bool) -> str:
        (os.fsync if all else os.fdatasync)(self._fd(number))
        return ""

    def _lock(self, number: int, exclusive: bool, interrupts: Interrupts) -> str:
        file = self._files[number]
        try:
            fcntl.flock(file.fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            # Whoever can have it at once goes on: a file that was just made would stay behind.
            if interrupts.raised is not None:
                raise InterruptedError from error
            return "busy"
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return "unsupported"
            raise
        file.locked = True
        return "locked"

    def _copy(self, source: int, start: int, end: int, target: int, offset: int) -> int:
        count = min(end - start, _STEP)
        old, new = self._fd(source), self._fd(target)
        hole = _hole(old, start, start + count)
        if hole >= _HOLE and os.fstat(new).st_size <= offset:
            os.ftruncate(new, offset + hole)
            return hole
        try:
            done = os.copy_file_range(old, new, count, offset_src=start, offset_dst=offset)
            if done:
                return done
        except OSError as error:
            if error.errno not in _NO_KERNEL_COPY:
                raise
        # The end of the file, or a file system that cannot do that.
        data = os.pread(old, count, start)
        _write_all(new, data, offset)
        return len(data)


def _failure(error: Exception) -> Record:
    """Makes an error of the system the answer of a call. Any other one ends the instance."""
    made = Record()
    if isinstance(error, _Refused):
        made.cause, made.message = error.cause, str(error)
    elif isinstance(error, OSError):
        made.cause = _CAUSES.get(error.errno or 0, "other")
        made.message = os.strerror(error.errno) if error.errno else sayable(str(error))
    else:
        raise error
    return made


def _told_failure(error: Exception) -> str:
    failure = _failure(error)
    return f"!{failure.cause} {failure.message}"


def _metadata(status: os.stat_result) -> str:
    kind, _ = _KINDS.get(stat.S_IFMT(status.st_mode), _DEVICE)
    numbers = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_nlink}"
    return f"{numbers} {max(status.st_mtime_ns, 0)} {status.st_uid} {kind}"


def _check_regular(status: os.stat_result) -> None:
    said = _KINDS.get(stat.S_IFMT(status.st_mode), _DEVICE)[1]
    if said:
        raise _Refused("unsupported", said)


def _rename_new(_old: str, _new: str) -> None:
    raise _Refused("unsupported", "Python cannot refuse a name that is taken")


def _sync_dir(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise _Refused("unsupported", os.strerror(error.errno)) from error
        raise
    finally:
        os.close(fd)


def _set_append(fd: int, append: bool) -> None:
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_APPEND if append else flags & ~os.O_APPEND)


def _hole(fd: int, start: int, end: int) -> int:
    """How many bytes from ``start`` on take no space and read as zeros."""
    try:
        return min(os.lseek(fd, start, os.SEEK_DATA), end) - start
    except OSError as error:
        # Nothing but a hole up to the end of the file, which may lie before ``end``.
        return min(os.fstat(fd).st_size, end) - start if error.errno == errno.ENXIO else 0
    except AttributeError:
        return 0


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, offset)
        view, offset = view[done:], offset + done


def _unlock(file: _File) -> None:
    if file.locked:
        file.locked = False
        # Closing gives it back, too.
        with contextlib.suppress(OSError):
            fcntl.flock(file.fd, fcntl.LOCK_UN)


def _resemble(fd: int, other: int, quarantine: bool) -> None:
    """Gives a file the owner, group, mode and extended attributes of another one; access control lists are
    such attributes."""
    now, wanted = os.fstat(fd), os.fstat(other)
    grouped = True
    if (now.st_uid, now.st_gid) != (wanted.st_uid, wanted.st_gid):
        try:
            # First, because it clears the set-id bits.
            os.fchown(fd, wanted.st_uid, wanted.st_gid)
        except OSError as error:
            # Only root can give files away; any other user keeps the quarantine as its own.
            if not quarantine:
                raise _Refused("denied", os.strerror(error.errno or 0)) from error
            grouped = _try_group(fd, wanted.st_gid)
    try:
        if quarantine:
            _share(other, fd, wanted.st_mode, grouped)
        else:
            os.fchmod(fd, wanted.st_mode & 0o7777)
            _copy_attributes(other, fd)
    except PermissionError as error:
        raise _Refused("other", os.strerror(error.errno or 0)) from error


def _try_group(fd: int, group: int) -> bool:
    try:
        os.fchown(fd, -1, group)
    except OSError:
        return False
    return True


def _share(source: int, target: int, mode: int, grouped: bool) -> None:
    """Lets those read and write ``target`` who may do so with ``source``; in doubt fewer."""
    name, access = "system.posix_acl_access", None
    if hasattr(os, "getxattr"):
        with contextlib.suppress(OSError):
            access = os.getxattr(source, name)
    # Beside an access list the group's rights in the mode are the most that anybody in the list has.
    os.fchmod(target, mode & (0o666 if grouped and access is None else 0o606))
    if grouped and access is not None:
        # Refused by a file system that has no lists.
        with contextlib.suppress(OSError):
            os.setxattr(target, name, access)


def _copy_attributes(source: int, target: int) -> None:
    try:
        names = os.listxattr(source)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
            return
        raise
    for name in names:
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            # The system itself manages the others, such as security labels, and may refuse them.
            if name.startswith(("user.", "system.posix_acl")) and error.errno != errno.ENODATA:
                raise


#: The fields of answers in which the component names files.
_NAMES = ("message", "segment", "note", "rewritten", "quarantine")


def _readable(value: Any, say: Callable[[str], str], named: bool = False) -> Any:
    if isinstance(value, str):
        return say(value) if named else value
    if isinstance(value, list):
        return [_readable(one, say, named) for one in value]
    if isinstance(value, Record):
        for name, inner in vars(value).items():
            setattr(value, name, _readable(inner, say, name in _NAMES))
    return value
