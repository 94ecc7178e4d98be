"""Which component a backend runs on, and when it is loaded."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

from .. import forks
from ..engine import Engine
from ..file import FileStore
from ..packaged import FILES, STORE, packaged
from ..store import Store

#: The first bytes of a component.
_COMPONENT = b"\0asm\x0d\0\1\0"


class Lazy:
    """An engine for a store, which the first thread that needs it loads."""

    def __init__(self, source: str | os.PathLike[str] | Engine | None, store: Store | FileStore):
        files = isinstance(store, FileStore)
        name = FILES if files else STORE
        if isinstance(source, Engine):
            source.check(store)
        else:
            interface = "disk-text" if files else "storage"
            source = _checked(Path(source or packaged(name)), name, interface)
        self._source = source
        self._forked()
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.Lock()

    def get(self) -> Engine:
        """Returns the engine."""
        with self._lock:
            if not isinstance(self._source, Engine):
                self._source = Engine(self._source)
            return self._source


def _checked(path: Path, name: str, interface: str) -> Path:
    """Checks early, and cheaply: later, a record that cannot be written would only be logged. Programs that
    were written for an earlier version name the wrong one of two components."""
    component = path.read_bytes()
    if not component.startswith(_COMPONENT):
        raise ValueError(f"{os.fspath(path)!r} is not a WebAssembly component")
    files = b"papyra:persistence/disk-text@" in component
    if files == (interface == "disk-text"):
        return path
    keeps = "does not keep files" if interface == "disk-text" else "keeps nothing but files"
    other = path.with_name(name)
    if not other.exists():
        raise ValueError(f"{os.fspath(path)!r} {keeps}; put {name} beside it, and give that")
    warn(f"{path.name} {keeps}: give the backend {name}")
    return _checked(other, name, interface)


def warn(text: str) -> None:
    """Warns the caller of a backend."""
    warnings.warn(f"papyra-persistence: {text}", DeprecationWarning, stacklevel=3)
