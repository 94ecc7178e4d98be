"""Opening, locking and telling files apart. The locks are those of the Rust file store, so both can
work on one journal at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator

from .errors import StoreError

#: Which file a path names: device and inode.
FileId = tuple[int, int]

# Never wait in `open`, never become a controlling terminal, never leak into children.
_CAREFUL = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: str, flags: int, mode: int = 0o644) -> int:
    """Opens a regular file and nothing else: not even opening a device is without effects."""
    try:
        _check_regular(os.stat(path), path)
    except FileNotFoundError:
        pass
    return _checked(os.open(path, flags | _CAREFUL, mode), path)


def open_own(path: str, flags: int) -> int:
    """Like `open_regular` for our own files: a symlink in their place is refused, and nobody else
    may read them."""
    return _checked(os.open(path, flags | _CAREFUL | os.O_NOFOLLOW, 0o600), path)


def _checked(fd: int, path: str) -> int:
    try:
        _check_regular(os.fstat(fd), path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _check_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("failed", f"{path} is not a regular file, and a journal must be one")


def identify(status: os.stat_result) -> FileId:
    return (status.st_dev, status.st_ino)


def named(path: str) -> FileId | None:
    """What the path names now, following symlinks."""
    try:
        return identify(os.stat(path))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def held(fd: int, operation: int, deadline: float, path: str) -> Iterator[None]:
    """Holds the file's lock (`LOCK_SH` or `LOCK_EX`). Waiting in `flock` itself could not be
    bounded, so this asks again and again."""
    pause = 0.00005
    while True:
        try:
            fcntl.flock(fd, operation | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            pass
        if time.monotonic() >= deadline:
            raise StoreError(
                "locked",
                f"another process holds the lock of {path}; `fuser -v` shows which, try again later",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.0005)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)


def release(fd: int) -> None:
    """Gives the lock back and closes. A child that was forked meanwhile has the file open too, so
    closing alone would leave the lock with it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def sync_dir(directory: str) -> None:
    """Makes the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_dirs(directory: str) -> None:
    """Like `mkdir -p`, and durable."""
    if os.path.isdir(directory):
        return
    above = os.path.dirname(directory)
    if above != directory:
        make_dirs(above)
    try:
        os.mkdir(directory)
    except FileExistsError:
        return
    sync_dir(above)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Writes everything, however many calls that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def changed_meanwhile(path: str) -> StoreError:
    return StoreError("locked", f"{path} was replaced or changed meanwhile; try again")
