"""Replaces a file by one in which some of its bytes are removed, or replaced by line ends.

The new content grows in a hidden temporary file beside the journal; its lock marks a rewrite in progress.
Only the last step takes the lock that writers need. Names and locks are those of the Rust store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable

from . import forks
from .errors import StoreError
from .locks import (
    FileId,
    changed_meanwhile,
    held,
    identify,
    named,
    open_own,
    open_regular,
    release,
    remove,
    sync_dir,
    write_all,
)
from .quarantine import Quarantine
from .store import Edit, Rewritten

#: Writers wait while about this many bytes are copied at most.
_LAST_BIT = 256 << 10
_ROUNDS = 16
_STEP = 8 << 20
#: A snapshot that looks for leftovers holds the lock of the temporary file for a moment.
_LOOKED_AT = 0.05
_NO_KERNEL_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


def temporary_path(target: str) -> str:
    """Always the same for one journal, so that all processes agree and leftovers do not accumulate."""
    directory, name = os.path.split(target)
    return os.path.join(directory, f".{name}.papyra-rewrite")


class FileRewrite:
    """One rewrite. The caller ends it with `commit` or `abort`."""

    def __init__(
        self, path: str, opened: FileId, length: int, lock_wait: float, quarantine_dir: str | None
    ):
        self._path = path
        self._length = length
        self._lock_wait = lock_wait
        self._quarantine_dir = quarantine_dir
        self._quarantine: Quarantine | None = None
        # Snapshot bytes before this are copied or replaced.
        self._cursor = 0
        self._changed = False
        #: An edit ends at the end of the snapshot.
        self._tail_edited = False
        self._source = self._new = -1
        #: From here on the new file may be the journal.
        self._switching = False
        # The path with symlinks resolved, so that a symlink stays one.
        self._target = os.path.realpath(path)
        self._temporary: str | None = None
        forks.track(self)
        try:
            self._begin(opened)
        except OSError as cause:
            self.abort()
            raise StoreError.from_os("rewrite", path, cause) from cause
        except BaseException:
            self.abort()
            raise

    def _begin(self, opened: FileId) -> None:
        self._new = _claim(self._target)
        self._temporary = temporary_path(self._target)
        self._source = open_regular(self._target, os.O_RDWR)
        status = os.fstat(self._source)
        if identify(status) != opened or status.st_size < self._length:
            raise changed_meanwhile(self._path)
        self._id = opened
        _resemble(self._new, self._source, status)
        self._torn = self._length > 0 and os.pread(self._source, 1, self._length - 1) != b"\n"

    def edit(self, edits: list[Edit]) -> None:
        try:
            for edit in edits:
                self._edit(edit)
        except OSError as cause:
            raise StoreError.from_os("rewrite", self._path, cause) from cause

    def _edit(self, edit: Edit) -> None:
        (major, start), (end_major, end), line_end = edit
        if major or end_major or not self._cursor <= start <= end <= self._length:
            raise StoreError(
                "failed",
                f"cannot replace bytes {start} to {end}: edits must ascend, and lie between "
                f"{self._cursor} and {self._length}",
            )
        if start == end and not line_end:
            return  # Nothing changes, so an isolated tail must stay isolated too.
        _copy(self._source, self._new, self._cursor, start)
        if self._quarantine_dir is not None and start < end:
            if self._quarantine is None:
                self._quarantine = Quarantine(self._quarantine_dir, self._target, self._source)
            _copy(self._source, self._quarantine.fd, start, end)
        if line_end:
            write_all(self._new, b"\n")
        self._cursor = end
        self._changed = True
        self._tail_edited = end == self._length

    def commit(self) -> Rewritten:
        try:
            return self._commit()
        except OSError as cause:
            raise StoreError.from_os("rewrite", self._path, cause) from cause
        finally:
            self.abort()

    def _commit(self) -> Rewritten:
        deadline = time.monotonic() + self._lock_wait
        if not self._changed:
            size = self._settled(deadline)
            return Rewritten(size, size)

        # All slow steps come before the lock for which writers wait.
        _copy(self._source, self._new, self._cursor, self._length)
        os.fsync(self._new)
        quarantine = [] if self._quarantine is None else [self._quarantine.finish()]
        # The edit says what comes in place of the line end with which an append isolated the tail.
        drop_line_end = self._torn and self._tail_edited
        copied = self._length
        for _ in range(_ROUNDS):
            settled = self._settled(deadline)
            if settled - copied <= _LAST_BIT:
                break
            copied = self._follow(copied, settled, drop_line_end)
            os.fsync(self._new)

        with held(self._source, fcntl.LOCK_EX, deadline, self._target):
            if named(self._path) != self._id:
                raise changed_meanwhile(self._path)
            before = os.fstat(self._source).st_size
            self._follow(copied, before, drop_line_end)
            os.fsync(self._new)
            after = os.fstat(self._new).st_size
            self._switch(quarantine)
        return Rewritten(before, after, quarantine)

    def _switch(self, quarantine: list[str]) -> None:
        self._switching = True
        try:
            os.rename(temporary_path(self._target), self._target)
        except OSError as cause:
            # NFS and file systems in user space can report an error for a rename that was done.
            if not self._is_new(self._target):
                raise self._not_switched(cause, quarantine) from cause
        self._stay()
        try:
            sync_dir(os.path.dirname(self._target))
        except OSError as cause:
            doing = "be sure that a power cut would not undo the finished rewrite of"
            raise StoreError.from_os(doing, self._path, cause) from cause

    def _not_switched(self, cause: OSError, quarantine: list[str]) -> StoreError:
        error = StoreError.from_os("rewrite", self._path, cause)
        if not quarantine or self._is_original():
            return error
        removed = ", ".join(quarantine)
        return StoreError(
            error.code,
            f"cannot tell whether {self._target} was rewritten; look at it, and at what was removed: "
            f"{removed}",
        )

    def _is_new(self, path: str) -> bool:
        """Returns whether the path certainly names the new file."""
        try:
            return named(path) == identify(os.fstat(self._new))
        except OSError:
            return False

    def _is_original(self) -> bool:
        """Returns whether the journal is certainly the file of the snapshot."""
        try:
            return named(self._target) == self._id
        except OSError:
            return False

    def _stay(self) -> None:
        """Keeps the quarantine: the journal may no longer have these bytes."""
        if self._quarantine is not None:
            self._quarantine.stay()

    def abort(self) -> None:
        """Removes the quarantine first: the lock of the temporary file protects its name. What cannot be
        removed or examined stays, and is removed by the next rewrite: that is no error of this one."""
        # An interrupt, too, can come after the rename.
        if self._switching and not self._is_original():
            self._stay()
        quarantine, self._quarantine = self._quarantine, None
        temporary, self._temporary = self._temporary, None
        with contextlib.ExitStack() as steps:
            # In reverse, and all of them, whichever fails.
            steps.enter_context(contextlib.suppress(OSError))
            # It may be the journal now.
            steps.callback(self._close, "_new", release)
            steps.callback(self._close, "_source", os.close)
            if temporary is not None:
                steps.callback(self._remove_temporary, temporary)
            if quarantine is not None:
                steps.callback(quarantine.discard)

    def _remove_temporary(self, path: str) -> None:
        if self._is_new(path):
            remove(path)

    def _close(self, name: str, close: Callable[[int], None]) -> None:
        fd = getattr(self, name)
        setattr(self, name, -1)
        if fd >= 0:
            close(fd)

    def _forked(self) -> None:
        """Closes the files. The rewrite is the parent's, and so are its locks, which are not released."""
        self._temporary = None
        quarantine, self._quarantine = self._quarantine, None
        if quarantine is not None:
            quarantine.stay()
            quarantine.discard()
        for fd in (self._source, self._new):
            if fd >= 0:
                os.close(fd)
        self._source = self._new = -1

    def _settled(self, deadline: float) -> int:
        with held(self._source, fcntl.LOCK_SH, deadline, self._target):
            return os.fstat(self._source).st_size

    def _follow(self, start: int, end: int, drop_line_end: bool) -> int:
        """Copies what was appended after the snapshot, and returns the position it reached."""
        if end < start:
            raise changed_meanwhile(self._path)
        copy_from = start
        if drop_line_end and start == self._length and end > start:
            if os.pread(self._source, 1, start) != b"\n":
                # The tail was not torn: a program that takes no locks was still writing it.
                raise changed_meanwhile(self._path)
            copy_from += 1
        _copy(self._source, self._new, copy_from, end)
        return end


def _claim(target: str) -> int:
    """Creates the temporary file: locked, empty, and readable by its owner only."""
    path = temporary_path(target)
    deadline = time.monotonic() + _LOOKED_AT
    while True:
        fd = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(fd)
            # Another rewrite may have made this very file the journal while this process waited.
            if named(path) == identify(status):
                if status.st_size == 0 and status.st_nlink == 1:
                    return fd
                # A killed rewrite left it behind. Processes that have it open keep their view.
                os.unlink(path)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(fd)
                raise StoreError(
                    "locked",
                    f"another process is rewriting {target}; try again later",
                ) from None
            time.sleep(0.001)
        except BaseException:
            os.close(fd)
            raise
        release(fd)


def _resemble(new: int, old: int, status: os.stat_result) -> None:
    """Gives the new file the owner, group, mode and extended attributes of the old one."""
    now = os.fstat(new)
    if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(new, status.st_uid, status.st_gid)
    os.fchmod(new, status.st_mode & 0o7777)
    try:
        names = os.listxattr(old)
    except OSError:
        return
    for name in names:
        try:
            os.setxattr(new, name, os.getxattr(old, name))
        except OSError:
            # The system itself manages the others, such as security labels, and may refuse them.
            if name.startswith(("user.", "system.posix_acl")):
                raise


def _copy(source: int, target: int, start: int, end: int) -> None:
    """Appends a range of one file to another, inside the kernel if it can."""
    while start < end:
        count = min(end - start, _STEP)
        try:
            done = os.copy_file_range(source, target, count, offset_src=start)
        except OSError as cause:
            if cause.errno not in _NO_KERNEL_COPY:
                raise
            done = 0
        if done == 0:
            # The end of the file, or a file system that cannot do that.
            data = os.pread(source, min(count, 1 << 20), start)
            if not data:
                raise StoreError("locked", "the journal was truncated meanwhile; try again")
            write_all(target, data)
            done = len(data)
        start += done
