"""The index: a text in which the engine notes how far it has found the journal sound. It is kept in a file
beside the journal, the same file in all hosts."""

from __future__ import annotations

import contextlib
import os

from .errors import StoreError
from .locks import open_own, remove, write_all

#: A longer text is not an index.
_MAX = 8 << 20


def _beside(path: str, suffix: str = "") -> str:
    # Follow a symlink: the index lies beside the real file.
    directory, name = os.path.split(os.path.realpath(path))
    return os.path.join(directory, f".{name}.papyra-checkpoint{suffix}")


def load(path: str) -> str:
    """Returns the text that was saved last for the journal at ``path``; an empty one if the file is
    missing, unreadable or not an index."""
    try:
        with open(open_own(_beside(path), os.O_RDONLY), "rb") as file:
            data = file.read(_MAX + 1)
        return data.decode() if len(data) <= _MAX else ""
    except (OSError, StoreError, UnicodeDecodeError):
        return ""


def save(path: str, text: str) -> None:
    """Replaces the text that was saved before, atomically."""
    fresh = _beside(path, "-new")
    # A killed check may have left it behind. Removed rather than truncated, because it may be a link.
    remove(fresh)
    try:
        fd = open_own(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write_all(fd, text.encode())
            os.fdatasync(fd)
        finally:
            os.close(fd)
        os.rename(fresh, _beside(path))
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
