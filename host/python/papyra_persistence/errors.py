"""The errors, with codes for programs to act on."""

from __future__ import annotations

import errno
import os
from typing import Any

#: The classes of a store's errors, as the contract names them.
STORE_CODES = (
    "unavailable",
    "full",
    "locked",
    "denied",
    "not-found",
    "unsupported",
    "corrupt",
    "failed",
)
#: How much of a batch an append that failed has written, as the contract names it.
WRITTEN = ("none", "all", "some", "unknown")


class Failure(Exception):
    """An operation failed. It changed nothing beyond what its message states.

    ``code`` is the class: ``invalid-argument``, ``invalid-record``, or one of :data:`STORE_CODES`.
    ``segment`` and ``line`` (counted from 1) say where, if that is known. ``retryable``: a later retry of
    the same call can help. ``written``, only for appends, is one of
    :data:`WRITTEN`: after ``none`` the batch can be appended again without doubling a record.
    """

    def __init__(
        self,
        code: str,
        message: str,
        segment: str | None = None,
        line: int | None = None,
        retryable: bool = False,
        written: str | None = None,
    ):
        super().__init__(message)
        self.code = code
        self.segment = segment
        self.line = line
        self.retryable = retryable
        self.written = written

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is made again from its message alone.
        return type(self), (self.code, str(self)), vars(self)


class EngineError(Exception):
    """The engine trapped, because of a fault of its own, a lack of memory, or a store that raised something
    other than `StoreError`; or a limit of the process leaves no room for it. The instance is gone, the store
    is consistent, and the next call gets a new instance."""


class StoreError(Exception):
    """The error that a store raises: one of :data:`STORE_CODES`, and a message of one line that says what
    happened, where, and what to do next.

    ``written`` is for `append`: how much of the batch is visible nevertheless, one of :data:`WRITTEN`. Say
    ``none`` only if the store knows. An error that does not say counts as ``unknown``.
    """

    def __init__(self, code: str, message: str, written: str | None = None):
        if code not in STORE_CODES:
            raise ValueError(f"{code!r} is not one of {', '.join(STORE_CODES)}")
        if written is not None and written not in WRITTEN:
            raise ValueError(f"{written!r} is not one of {', '.join(WRITTEN)}")
        super().__init__(message)
        self.code = code
        self.written = written

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, str(self)), vars(self)

    @classmethod
    def from_os(
        cls, doing: str, path: object, cause: OSError, written: str | None = None
    ) -> StoreError:
        """Turns an I/O error into one that names its class, the path and the remedy."""
        code, advice = _ADVICE.get(cause.errno or 0, ("failed", ""))
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        return cls(code, f"cannot {doing} {path}{advice}: {reason}", written)


_ADVICE = {
    errno.ENOENT: ("not-found", ""),
    errno.EACCES: ("denied", "; check the owner and mode of it and of its directory"),
    errno.EPERM: ("denied", "; check the owner and mode of it and of its directory"),
    errno.EROFS: ("denied", "; the file system is mounted read-only"),
    errno.ENOSPC: ("full", "; free some space and try again"),
    errno.EDQUOT: ("full", "; the user's disk quota is used up"),
    errno.EFBIG: ("full", "; the limit on the size of files is reached (ulimit -f)"),
}
