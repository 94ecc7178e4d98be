"""A persistence backend for Papyra that runs on the engine. It replaces Papyra's ``JsonFilePersistence``,
on the same file and with the same interface::

    from papyra_persistence.backend import JournalPersistence

    persistence = JournalPersistence("events.ndjson", engine="papyra-python.wasm")

The event loop never blocks: the engine works in threads. Records that are written at the same time share
one write and one ``fdatasync``.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.base import PersistenceBackend
from papyra.persistence.metrics import PersistenceMetrics
from papyra.persistence.models import (
    CompactionReport,
    PersistedAudit,
    PersistedDeadLetter,
    PersistedEvent,
    PersistenceAnomaly,
    PersistenceAnomalyType,
    PersistenceRecoveryConfig,
    PersistenceRecoveryMode,
    PersistenceRecoveryReport,
    PersistenceScanReport,
)

from . import forks, records
from .arguments import checked
from .engine import Engine
from .errors import Failure
from .file import FileStore
from .journal import Journal
from .reports import Finding, Limits, Retention, ScanReport
from .writer import Writer

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
#: Maximum number of anomalies in a report. The metrics count all of them.
_MAX_ANOMALIES = 1000
_NAME = "papyra-python.wasm"
#: The first bytes of a component.
_COMPONENT = b"\0asm\x0d\0\1\0"
_TORN = ("truncated_line", "unterminated_line")


class _Metrics(PersistenceMetrics):
    """Papyra's counters, with a `reset` that sets all of them to zero."""

    def reset(self) -> None:
        for name in self.snapshot():
            setattr(self, name, 0)


class JournalPersistence(forks.OfOneProcess, PersistenceBackend):
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
        """``engine``: the path of ``papyra-python.wasm``, or an `Engine` made from it; by default the file of
        that name beside this package. A file that is missing or not that component is refused here. ``wasi``
        is not needed any more, and ignored.

        ``max_bytes`` and ``max_files``: either makes the journal a set of rotating files, see `FileStore`.

        ``sync=False``: a written record survives the end of the process, but not a power failure.
        ``strict``: `scan` also reports suspect records, such as those with ``NaN`` or of an unknown kind.
        ``raise_on_write_error``: raise errors of writes. By default they are logged and counted, because
        an exception of the backend would stop the actor system.
        ``allow_loss``: `recover` repairs even what does not look like a journal.
        ``allow_expire_all``: `compact` removes even records that are all too old, which looks like a wrong
        clock.
        """
        policy = retention_policy or RetentionPolicy()
        super().__init__(retention_policy=policy)
        self._metrics = _Metrics()
        self._path = Path(path)
        self._limits = Retention(_limits(policy))
        if wasi is not None:
            _warn("wasi is not needed any more: papyra-python.wasm reads fast by itself")
        self._strict = strict
        self._raise = raise_on_write_error
        self._allow_loss = checked("allow_loss", allow_loss)
        self._allow_expire_all = checked("allow_expire_all", allow_expire_all)
        # As Papyra names its backends in reports.
        self._name = "json" if (max_bytes, max_files) == (None, None) else "rotating"
        self._store = FileStore(
            path, sync=sync, create_parents=True, max_bytes=max_bytes, max_files=max_files
        )
        self._engine = _Lazy(engine or Path(__file__).with_name(_NAME), self._store)
        self._writer = Writer(lambda: self._journal(self._store))
        self._closed = False

    @property
    def path(self) -> Path:
        """The path of the journal."""
        return self._path

    @property
    def closed(self) -> bool:
        """True after `aclose`."""
        return self._closed

    async def record_event(self, event: Any) -> None:
        await self._record("event", event)

    async def record_audit(self, report: Any) -> None:
        await self._record("audit", report)

    async def record_dead_letter(self, dead_letter: Any) -> None:
        await self._record("dead_letter", dead_letter)

    async def list_events(
        self, *, limit: int | None = None, since: float | None = None
    ) -> tuple[PersistedEvent, ...]:
        """Returns the newest events that retention does not hide, oldest first."""
        return await self._list("event", records.event, limit, since)

    async def list_audits(
        self, *, limit: int | None = None, since: float | None = None
    ) -> tuple[PersistedAudit, ...]:
        """Returns the newest audits that retention does not hide, oldest first."""
        return await self._list("audit", records.audit, limit, since)

    async def list_dead_letters(
        self, *, limit: int | None = None, since: float | None = None
    ) -> tuple[PersistedDeadLetter, ...]:
        """Returns the newest dead letters that retention does not hide, oldest first."""
        return await self._list("dead_letter", records.dead_letter, limit, since)

    async def scan(self) -> PersistenceScanReport:
        """Reports damage. Changes nothing. A file that does not exist is healthy."""
        self._metrics.scans += 1
        try:
            report = await self._scan(_MAX_ANOMALIES)
        except Failure as failure:
            if failure.code == "not-found":
                return PersistenceScanReport(backend=self._name, anomalies=())
            self._metrics.scan_errors += 1
            raise
        except Exception:
            self._metrics.scan_errors += 1
            raise
        return self._scanned(report)

    async def recover(self, config: Any = None) -> PersistenceRecoveryReport:
        """Removes damaged entries, or moves them to the quarantine. Repairs by default; the mode ``IGNORE``
        only scans."""
        config = config or PersistenceRecoveryConfig(mode=PersistenceRecoveryMode.REPAIR)
        self._metrics.recoveries += 1
        try:
            if config.mode is PersistenceRecoveryMode.IGNORE or not self._path.exists():
                return PersistenceRecoveryReport(backend=self._name, scan=await self.scan())
            return await self._recover(config)
        except Exception:
            self._metrics.recovery_errors += 1
            raise

    async def compact(self) -> CompactionReport:
        """Removes the records that retention hides. Without a limit it removes nothing and leaves damaged
        lines to `recover`."""
        self._metrics.compactions += 1
        try:
            return await self._compact()
        except Exception:
            self._metrics.compaction_errors += 1
            raise

    async def aclose(self) -> None:
        """Waits for the writes in progress and refuses further ones. Reads still work."""
        self._closed = True
        await self._writer.drain()
        await _in_thread(self._writer.close)

    async def _record(self, kind: str, value: Any) -> None:
        try:
            if self._closed:
                said = "the backend is closed; the record was not written"
                raise Failure("failed", said, written="none")
            line = records.line(kind, value)
            await self._writer.write(line)
        except Exception:
            self._metrics.write_errors += 1
            if self._raise:
                raise
            _LOG.exception("a record was not written to %s", self._path)
            return
        self._metrics.records_written += 1
        self._metrics.bytes_written += len(line.encode())

    async def _list(
        self,
        kind: str,
        build: Callable[[dict[str, Any]], T | None],
        limit: int | None,
        since: float | None,
    ) -> tuple[T, ...]:
        if limit is not None and limit < 0:
            raise ValueError(f"limit must not be negative, and is {limit}")

        def read(journal: Journal) -> tuple[T, ...]:
            return records.newest(journal, kind, build, limit, since)

        try:
            return await self._run(read)
        except Failure as failure:
            if failure.code == "not-found":
                return ()
            raise

    async def _recover(self, config: PersistenceRecoveryConfig) -> PersistenceRecoveryReport:
        quarantine = config.mode is PersistenceRecoveryMode.QUARANTINE
        quarantine_dir = (config.quarantine_dir or self._path.parent) if quarantine else None
        mode = "quarantine" if quarantine else "repair"
        store = copy.copy(self._store)
        store.quarantine_dir = None if quarantine_dir is None else os.path.abspath(quarantine_dir)
        done = await self._run(
            lambda journal: journal.recover(
                mode,
                max_findings=_MAX_ANOMALIES,
                record_audit=False,
                allow_loss=self._allow_loss,
            ),
            store,
        )
        return PersistenceRecoveryReport(
            backend=self._name,
            scan=self._scanned(done.before),
            repaired_files=(str(self._path),) if done.changed else (),
            quarantined_files=tuple(done.quarantine),
        )

    async def _compact(self) -> CompactionReport:
        if not self._path.exists():
            return CompactionReport(self._name, 0, 0, 0, 0)
        if self._limits.journal == Limits():
            report = await self._scan(0)
            records, size = report.records, report.bytes
            return CompactionReport(self._name, records, records, size, size)
        done = await self._run(
            lambda journal: journal.compact(
                record_audit=False, allow_expire_all=self._allow_expire_all
            )
        )
        return CompactionReport(
            self._name, done.records_before, done.records_after, done.bytes_before, done.bytes_after
        )

    async def _scan(self, max_findings: int) -> ScanReport:
        return await self._run(lambda journal: journal.scan(max_findings=max_findings))

    def _scanned(self, report: ScanReport) -> PersistenceScanReport:
        found = tuple(
            _anomaly(self._path, finding)
            for finding in report.findings
            if self._strict or finding.severity == "damage"
        )
        self._metrics.anomalies_detected += report.damaged + (report.suspect if self._strict else 0)
        return PersistenceScanReport(backend=self._name, anomalies=found)

    async def _run(self, work: Callable[[Journal], T], store: FileStore | None = None) -> T:
        """Runs ``work`` in a thread, on an instance of its own, so that operations do not wait for each
        other."""

        def run() -> T:
            journal = self._journal(store or self._store)
            try:
                return work(journal)
            finally:
                journal.close()

        return await _in_thread(run)

    def _journal(self, store: FileStore) -> Journal:
        return Journal(self._engine.get(), store, self._limits)


class _Lazy:
    """An engine for this store, which the first thread that needs it loads."""

    def __init__(self, source: str | os.PathLike[str] | Engine, store: FileStore):
        if isinstance(source, Engine):
            source.check(store)
        else:
            source = _checked_component(Path(source))
        self._source = source
        self._forked()
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.Lock()

    def get(self) -> Engine:
        with self._lock:
            if not isinstance(self._source, Engine):
                self._source = Engine(self._source)
            return self._source


def _checked_component(path: Path) -> Path:
    """Checks early, and cheaply: later, a record that cannot be written would only be logged. Programs that
    were written for an earlier version name the wrong one of two components."""
    component = path.read_bytes()
    if not component.startswith(_COMPONENT):
        raise ValueError(f"{os.fspath(path)!r} is not a WebAssembly component")
    if b"papyra:persistence/disk-text@" in component:
        return path
    other = path.with_name(_NAME)
    if not other.exists():
        raise ValueError(f"{os.fspath(path)!r} does not keep files; put {_NAME} beside it, and give that")
    _warn(f"{path.name} does not keep files: give the backend {_NAME}")
    return _checked_component(other)


def _warn(text: str) -> None:
    warnings.warn(f"papyra-persistence: {text}", DeprecationWarning, stacklevel=3)


async def _in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


def _limits(policy: RetentionPolicy) -> Limits:
    limits = Limits(policy.max_records, policy.max_age_seconds, policy.max_total_bytes)
    for name, value in vars(limits).items():
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a number that is not negative, and is {value}")
        checked(name, value)
    return limits


def _anomaly(path: Path, finding: Finding) -> PersistenceAnomaly:
    cut = finding.anomaly in _TORN
    where = f"{finding.anomaly}: line {finding.line}, byte {finding.offset}"
    return PersistenceAnomaly(
        type=PersistenceAnomalyType.TRUNCATED_LINE if cut else PersistenceAnomalyType.CORRUPTED_LINE,
        path=str(path),
        detail=f"{where}, {finding.length} bytes",
    )
