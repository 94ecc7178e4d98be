"""A file, with the interface of Papyra's ``JsonFilePersistence``."""

from __future__ import annotations

import copy
import os
from pathlib import Path

from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.models import PersistenceRecoveryConfig

from ..engine import Engine
from ..file import FileStore
from ..journal import Journal
from ..reports import Finding, Recovery, Retention
from .base import Backend
from .component import Lazy, warn


class JournalPersistence(Backend):
    """Papyra's records in an NDJSON file, or in rotating ones, kept by the engine. Only one event loop may
    write at a time: while one is writing, a record of another fails with `RuntimeError`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        retention_policy: RetentionPolicy | None = None,
        *,
        engine: str | os.PathLike[str] | Engine | None = None,
        wasi: str | os.PathLike[str] | Engine | None = None,
        sync: bool = True,
        strict: bool = False,
        raise_on_write_error: bool = False,
        allow_loss: bool = False,
        allow_expire_all: bool = False,
        max_bytes: int | None = None,
        max_files: int | None = None,
    ):
        """``engine``: an `Engine`, or the path of ``papyra-python.wasm``; by default the one in this package. A
        file that is missing or not that component is refused here. ``wasi`` is not needed any more, and ignored.

        ``max_bytes`` and ``max_files``: either makes the journal a set of rotating files, see `FileStore`.

        ``sync=False``: a written record survives the end of the process, but not a power failure.
        ``strict``: `scan` also reports suspect records, such as those with ``NaN`` or of an unknown kind.
        ``raise_on_write_error``: raise errors of writes. By default they are logged and counted, because
        an exception of the backend would stop the actor system.
        ``allow_loss``: `recover` repairs even what does not look like a journal.
        ``allow_expire_all``: `compact` removes even records that are all too old, which looks like a wrong
        clock.
        """
        super().__init__(
            "json" if (max_bytes, max_files) == (None, None) else "rotating",
            os.fspath(path),
            retention_policy,
            strict=strict,
            raise_on_write_error=raise_on_write_error,
            allow_loss=allow_loss,
            allow_expire_all=allow_expire_all,
        )
        if wasi is not None:
            warn("wasi is not needed any more: papyra-python.wasm reads fast by itself")
        self._path = Path(path)
        self._store = FileStore(
            path, sync=sync, create_parents=True, max_bytes=max_bytes, max_files=max_files
        )
        self._engine = Lazy(engine, self._store)

    @property
    def path(self) -> Path:
        """The path of the journal."""
        return self._path

    def _journal(self, retention: Retention, quarantine_dir: str | None = None) -> Journal:
        store = self._store
        if quarantine_dir is not None:
            store = copy.copy(store)
            store.quarantine_dir = quarantine_dir
        return Journal(self._engine.get(), store, retention)

    def _exists(self) -> bool:
        return self._path.exists()

    def _path_of(self, finding: Finding) -> str:
        return str(self._path)

    def _repaired(self, done: Recovery) -> tuple[str, ...]:
        return (str(self._path),) if done.changed else ()

    def _quarantine_dir(self, config: PersistenceRecoveryConfig) -> str:
        return os.path.abspath(config.quarantine_dir or self._path.parent)
