"""Rotating files, with the interface of Papyra's ``RotatingFilePersistence``."""

from __future__ import annotations

import os

from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.models import PersistenceAnomaly, PersistenceAnomalyType

from ..engine import Engine
from ..reports import AnomalyCount, Finding, Limits, Recovery, Retention
from .journal import JournalPersistence

#: A file of the set that lies beyond ``max_files``, so that nobody reads it.
_ORPHAN = "orphaned_file"


class RotatingFilePersistence(JournalPersistence):
    """Papyra's records in rotating files, kept by the engine. The files are those of Papyra: the active one at
    ``path``, then ``path.1`` (the newest) to the oldest."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 50_000_000,
        max_files: int = 5,
        fsync: bool = True,
        retention_policy: RetentionPolicy | None = None,
        engine: str | os.PathLike[str] | Engine | None = None,
        strict: bool = False,
        raise_on_write_error: bool = False,
        allow_loss: bool = False,
        allow_expire_all: bool = False,
    ):
        """``max_bytes``: a file that reaches this size is followed by another one; ``max_files`` of them are
        kept, the active one included.

        ``fsync=False``: a written record survives the end of the process, but not a power failure. The other
        arguments are those of `JournalPersistence`."""
        for name, value in (("max_bytes", max_bytes), ("max_files", max_files)):
            if value <= 0:
                raise ValueError(f"{name} must be > 0")
        super().__init__(
            path,
            retention_policy,
            engine=engine,
            sync=fsync,
            strict=strict,
            raise_on_write_error=raise_on_write_error,
            allow_loss=allow_loss,
            allow_expire_all=allow_expire_all,
            max_bytes=max_bytes,
            max_files=max_files,
        )

    async def clear(self) -> None:
        """Removes all records, damaged lines too, as one compaction. The empty files stay."""
        if not self._path.exists():
            return
        nothing = Retention(Limits(max_records=0))
        await self._run(
            lambda journal: journal.compact(force=True, record_audit=False), retention=nothing
        )

    def _path_of(self, finding: Finding) -> str:
        return str(self._path.with_name(finding.segment))

    def _repaired(self, done: Recovery) -> tuple[str, ...]:
        return tuple(str(self._path.with_name(name)) for name in done.rewritten)

    def _is_told(self, one: Finding | AnomalyCount) -> bool:
        return one.anomaly == _ORPHAN or super()._is_told(one)

    def _anomaly(self, finding: Finding) -> PersistenceAnomaly:
        if finding.anomaly != _ORPHAN:
            return super()._anomaly(finding)
        return PersistenceAnomaly(
            type=PersistenceAnomalyType.ORPHANED_ROTATED_FILE,
            path=self._path_of(finding),
            detail="beyond the set, never read; a larger max_files takes it in",
        )
