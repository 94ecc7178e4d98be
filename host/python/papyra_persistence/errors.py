"""The errors, with codes for programs to act on."""

from __future__ import annotations

import errno
import os

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


class Failure(Exception):
    """An operation failed. It changed nothing beyond what its message states.

    ``code`` is the class: ``invalid-argument``, ``invalid-record``, or one of :data:`STORE_CODES`.
    ``segment`` and ``line`` (counted from 1) say where, if that is known.
    """

    def __init__(self, code: str, message: str, segment: str | None = None, line: int | None = None):
        super().__init__(message)
        self.code = code
        self.segment = segment
        self.line = line


class StoreError(Exception):
    """The error that a store raises: one of :data:`STORE_CODES`, and a message of one line that says what
    happened, where, and what to do next."""

    def __init__(self, code: str, message: str):
        if code not in STORE_CODES:
            raise ValueError(f"{code!r} is not one of {', '.join(STORE_CODES)}")
        super().__init__(message)
        self.code = code

    @classmethod
    def from_os(cls, doing: str, path: object, cause: OSError) -> StoreError:
        """Turns an I/O error into one that names its class, the path and the remedy."""
        code, advice = _ADVICE.get(cause.errno or 0, ("failed", ""))
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        return cls(code, f"cannot {doing} {path}{advice}: {reason}")


_ADVICE = {
    errno.ENOENT: ("not-found", ""),
    errno.EACCES: ("denied", "; check the owner and mode of it and of its directory"),
    errno.EPERM: ("denied", "; check the owner and mode of it and of its directory"),
    errno.EROFS: ("denied", "; the file system is mounted read-only"),
    errno.ENOSPC: ("full", "; free some space and try again"),
    errno.EDQUOT: ("full", "; the user's disk quota is used up"),
    errno.EFBIG: ("full", "; the limit on the size of files is reached (ulimit -f)"),
}
