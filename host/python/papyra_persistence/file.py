"""A journal in one NDJSON file, with the guarantees of the Rust file store.

* A batch is appended whole or not at all, is durable when `append` returns, and never mixes with a batch
  of another thread or process. A write that fails half-way is truncated again.
* A torn line stays alone: the next append writes a line end first.
* A snapshot shows one moment. A rewrite is atomic, and carries over what others append meanwhile.
* After a failed `fdatasync` no append is acknowledged until the file was opened anew and synced.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from typing import Any

from . import forks, index
from .errors import StoreError
from .locks import (
    FileId,
    changed_meanwhile,
    held,
    identify,
    make_dirs,
    named,
    open_own,
    open_regular,
    release,
    sync_dir,
)
from .renamed import renamed
from .rewrite import FileRewrite, temporary_path
from .store import Chunk, Description, Position, Segment
from .text import check_path

_MAX_READ = 8 << 20
#: Seconds in which a program that takes no locks may still be completing its last line.
_SETTLING = 0.03


class FileStore:
    """A journal in one file, which any number of threads and processes may use at once."""

    @renamed(evidence_dir="quarantine_dir")
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sync: bool = True,
        quarantine_dir: str | os.PathLike[str] | None = None,
        create_parents: bool = False,
        lock_wait: float = 10.0,
    ):
        """Does not touch the file system; the first append creates the file.

        ``sync=False``: an append survives the end of the process, but not a power failure.
        ``quarantine_dir``: directory for the entries that ``quarantine`` and ``keep_quarantine`` remove.
        ``create_parents``: whether the first append creates missing directories.
        ``lock_wait``: maximum seconds to wait for another process, before failing with ``locked``.
        """
        check_path(os.fspath(path))
        self.path = os.path.abspath(path)
        self.quarantine_dir = None if quarantine_dir is None else os.path.abspath(quarantine_dir)
        self.lock_wait = lock_wait
        self._location = os.fspath(path)
        self._sync = sync
        self._create_parents = create_parents
        self._lock = threading.Lock()
        self._writer: tuple[int, FileId] | None = None
        self._suspect = False
        forks.track(self)

    def describe(self) -> Description:
        return Description("file", self._location)

    def snapshot(self) -> FileSnapshot:
        return FileSnapshot(self)

    def load_index(self) -> str:
        return index.load(self.path)

    def save_index(self, text: str) -> None:
        try:
            index.save(self.path, text)
        except OSError as cause:
            raise StoreError.from_os("keep an index beside", self.path, cause) from cause

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        data = lines.encode()
        if not data:
            return
        if not data.endswith(b"\n"):
            # The next batch would be joined to an unterminated line.
            raise StoreError(
                "failed", "the batch does not end with a line end; nothing of it was written", "none"
            )
        with self._lock:
            try:
                self._append(data)
            except FileNotFoundError as cause:
                raise StoreError(
                    "not-found",
                    f"cannot append to {self.path}: its directory does not exist; make it, or give the "
                    "store `create_parents=True`",
                    "none",
                ) from cause
            except OSError as cause:
                raise StoreError.from_os("append to", self.path, cause, "none") from cause
            except StoreError as error:
                # Only `_append_locked` writes, and it says how much.
                error.written = error.written or "none"
                raise

    def close(self) -> None:
        """Closes the file. The next append opens it again."""
        with self._lock:
            self._close()

    def _append(self, data: bytes) -> None:
        deadline = time.monotonic() + self.lock_wait
        if self._suspect:
            self._verify(deadline)
        while True:
            fd, opened = self._opened()
            with held(fd, fcntl.LOCK_EX, deadline, self.path):
                if named(self.path) == opened:
                    return self._append_locked(fd, data)
            # A rewrite has replaced the file, or another program has moved it.
            self._close()
            if time.monotonic() >= deadline:
                raise changed_meanwhile(self.path)

    def _append_locked(self, fd: int, data: bytes) -> None:
        start = os.fstat(fd).st_size
        if start and os.pread(fd, 1, start - 1) != b"\n":
            data = b"\n" + data
        view = memoryview(data)
        written = 0
        try:
            while written < len(view):
                written += os.write(fd, view[written:])
            if self._sync:
                self._suspect = True
                os.fdatasync(fd)
                self._suspect = False
        except OSError as cause:
            stays = _take_back(fd, start, written, written == len(view))
            raise StoreError.from_os("append to", self.path, cause, stays) from cause

    def _verify(self, deadline: float) -> None:
        """Opens the file anew and syncs it: after a failed `fdatasync` the kernel considers the pages
        clean, so a success on the old descriptor would mean nothing."""
        self._close()
        fd, _ = self._opened()
        with held(fd, fcntl.LOCK_EX, deadline, self.path):
            os.fsync(fd)
            sync_dir(os.path.dirname(os.path.realpath(self.path)))
        self._suspect = False

    def _opened(self) -> tuple[int, FileId]:
        if self._writer is None:
            self._writer = self._open()
        return self._writer

    def _open(self) -> tuple[int, FileId]:
        if self._create_parents:
            make_dirs(os.path.dirname(self.path))
        fd = open_regular(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            if self._sync:
                # The process that created the file may have ended before its name was durable.
                sync_dir(os.path.dirname(os.path.realpath(self.path)))
            return fd, identify(os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            os.close(writer[0])

    def __getstate__(self) -> dict[str, Any]:
        """A copy, also one in another process, opens the file for itself."""
        mine = ("_lock", "_writer")
        return {name: value for name, value in vars(self).items() if name not in mine}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()
        self._writer = None
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        # Parent and child would share one lock of the file, and either could release it.
        self._close()

    def __del__(self) -> None:
        if getattr(self, "_writer", None) is not None:
            self._close()


class FileSnapshot:
    """A snapshot: the open file and the length it had."""

    def __init__(self, store: FileStore):
        self._store = store
        self._fd = -1
        forks.track(self)
        try:
            self._take(time.monotonic() + store.lock_wait)
        except FileNotFoundError as cause:
            raise StoreError("not-found", f"there is no journal at {store.path}") from cause
        except OSError as cause:
            raise StoreError.from_os("read", store.path, cause) from cause

    def _take(self, deadline: float) -> None:
        path = self._store.path
        while True:
            self._fd = open_regular(path, os.O_RDONLY)
            try:
                self._id = identify(os.fstat(self._fd))
                self._length = _settled(self._fd, deadline, path)
                # A rewrite may have replaced the file while this process waited for its lock.
                if named(path) == self._id:
                    break
                if time.monotonic() >= deadline:
                    raise changed_meanwhile(path)
            except BaseException:
                self.close()
                raise
            self.close()
        self._name = os.path.basename(path)
        self.segments = [Segment(self._name, Position(0, self._length), self._length)]
        self.segments += _leftover(path)

    def read(self, segment: str, at: Position, max_bytes: int) -> Chunk:
        length = self._end(segment)
        start = min(at.minor, length) if at.major == 0 else length
        end = min(start + _clamped(max_bytes), length)
        return Chunk(Position(0, start), self._bytes(start, end), end == length)

    def read_back(self, segment: str, before: Position, max_bytes: int) -> Chunk:
        length = self._end(segment)
        end = min(before.minor, length) if before.major == 0 else length
        start = max(end - _clamped(max_bytes), 0)
        return Chunk(Position(0, start), self._bytes(start, end), start == 0)

    def rewrite(self, segment: str, purpose: str, keep_quarantine: bool, force: bool) -> FileRewrite:
        self._end(segment)
        if segment != self._name:
            raise StoreError(
                "unsupported", f"{segment} does not belong to the journal and is never changed"
            )
        store = self._store
        quarantine_dir = store.quarantine_dir if keep_quarantine else None
        if keep_quarantine and quarantine_dir is None:
            raise StoreError(
                "unsupported",
                "no quarantine directory is set; give the store `quarantine_dir`",
            )
        return FileRewrite(store.path, self._id, self._length, store.lock_wait, quarantine_dir)

    def close(self) -> None:
        fd, self._fd = getattr(self, "_fd", -1), -1
        if fd >= 0:
            os.close(fd)

    __del__ = _forked = close

    def _end(self, segment: str) -> int:
        # A leftover is listed as an empty segment.
        for one in self.segments:
            if one.name == segment:
                return one.end.minor
        raise StoreError("not-found", f"{self._store.path} has no segment of that name")

    def _bytes(self, start: int, end: int) -> bytes:
        try:
            data = os.pread(self._fd, end - start, start)
            while len(data) < end - start:
                more = os.pread(self._fd, end - start - len(data), start + len(data))
                if not more:
                    at = start + len(data)
                    raise StoreError(
                        "corrupt", f"{self._store.path} was cut short at byte {at} while it was read"
                    )
                data += more
            return data
        except OSError as cause:
            raise StoreError.from_os("read", self._store.path, cause) from cause


def _take_back(fd: int, start: int, written: int, whole: bool) -> str:
    """Removes what a failed append has written while its lock is held. Returns how much of it stays."""
    try:
        size = os.fstat(fd).st_size
        if size == start + written:
            if written:
                os.ftruncate(fd, start)
            return "none"
        if size < start + written:
            return "unknown"  # Another program has cut the file.
    except OSError:
        pass
    # It stays: it cannot be removed, or a program that takes no locks has written lines behind it.
    if whole:
        return "all"
    return "some" if written else "unknown"


def _settled(fd: int, deadline: float, path: str) -> int:
    """Returns a length that does not lie inside a write."""
    began = time.monotonic()
    while True:
        with held(fd, fcntl.LOCK_SH, deadline, path):
            length = os.fstat(fd).st_size
            whole = length == 0 or os.pread(fd, 1, length - 1) == b"\n"
        if whole or time.monotonic() - began >= _SETTLING:
            return length
        time.sleep(_SETTLING / 6)


def _leftover(path: str) -> list[Segment]:
    """Returns the temporary file of a killed rewrite, if there is one: its lock is free."""
    temporary = temporary_path(os.path.realpath(path))
    try:
        fd = open_own(temporary, os.O_RDONLY)
    except (OSError, StoreError):
        return []
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        status = os.fstat(fd)
        if named(temporary) != identify(status):
            return []
        name = os.path.basename(temporary)
        return [Segment(name, Position(0, 0), status.st_size, role="leftover")]
    except OSError:
        return []
    finally:
        release(fd)


def _clamped(max_bytes: int) -> int:
    # At least one byte, since an empty chunk means the end.
    return min(max(max_bytes, 1), _MAX_READ)
