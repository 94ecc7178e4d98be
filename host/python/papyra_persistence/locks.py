"""Opens, locks and identifies files. The locks are those of the Rust file store, so both can work on one
journal at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator

from .errors import StoreError

#: The identity of a file: device and inode.
FileId = tuple[int, int]

# `open` never waits, never acquires a controlling terminal, and never leaks into children.
_CAREFUL = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: str, flags: int, mode: int = 0o644) -> int:
    """Opens a regular file. Refuses other files before opening them, since opening a device can have
    effects."""
    with contextlib.suppress(FileNotFoundError):
        _check_regular(os.stat(path), path)
    return _checked(os.open(path, flags | _CAREFUL, mode), path)


def open_own(path: str, flags: int) -> int:
    """Opens one of the store's own files. Refuses a symlink; only the owner may read a new file."""
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
    """Returns the identity of the file that the path names now, following symlinks, or ``None``."""
    try:
        return identify(os.stat(path))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def held(fd: int, operation: int, deadline: float, path: str) -> Iterator[None]:
    """Holds the lock of the file (`LOCK_SH` or `LOCK_EX`). Polls, because a wait in `flock` itself has no
    time limit."""
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
    """Releases the lock and closes the file. A child that was forked meanwhile has the file open too, so
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
    """Creates a directory and its parents, durably."""
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


def remove(path: str) -> None:
    """Removes a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Writes all bytes, in as many calls as that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def changed_meanwhile(path: str) -> StoreError:
    return StoreError("locked", f"{path} was replaced or changed meanwhile; try again")
