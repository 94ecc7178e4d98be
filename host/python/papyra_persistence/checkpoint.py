"""The text in which the engine says how far it has found a journal sound, in a file beside the journal.
Our other hosts look in the same place."""

from __future__ import annotations

import contextlib
import os

from .errors import StoreError
from .locks import open_own, write_all

#: A longer text is none.
_MAX = 1 << 20


def _beside(path: str, suffix: str = "") -> str:
    # Where a symlink leads to.
    directory, name = os.path.split(os.path.realpath(path))
    return os.path.join(directory, f".{name}.papyra-checkpoint{suffix}")


def load(path: str) -> str:
    """What was saved last for the journal at ``path``; nothing if that is missing, unreadable or not
    ours."""
    try:
        with open(open_own(_beside(path), os.O_RDONLY), "rb") as file:
            data = file.read(_MAX + 1)
        return data.decode() if len(data) <= _MAX else ""
    except (OSError, StoreError, UnicodeDecodeError):
        return ""


def save(path: str, text: str) -> None:
    """Replaces what was saved before, in one step."""
    fresh = _beside(path, "-new")
    with contextlib.suppress(FileNotFoundError):
        # Left behind by a check that was killed. Removed rather than truncated: it may be a link.
        os.unlink(fresh)
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
