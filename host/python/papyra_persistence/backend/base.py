"""What the backends have in common: Papyra's interface, over a journal."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

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

from .. import forks, records
from ..arguments import checked
from ..errors import Failure
from ..journal import Journal
from ..reports import AnomalyCount, Finding, Limits, Recovery, Retention, ScanReport
from ..writer import Writer

T = TypeVar("T")

_LOG = logging.getLogger(__package__)
#: Maximum number of anomalies in a report. The metrics count all of them.
_MAX_ANOMALIES = 1000
_TORN = ("truncated_line", "unterminated_line")


class _Metrics(PersistenceMetrics):
    """Papyra's counters, with a `reset` that sets all of them to zero."""

    def reset(self) -> None:
        for name in self.snapshot():
            setattr(self, name, 0)


class Backend(forks.OfOneProcess, PersistenceBackend):
    """Papyra's records in a journal. Only one event loop may write at a time: while one is writing, a record
    of another fails with `RuntimeError`."""

    def __init__(
        self,
        name: str,
        location: str,
        retention_policy: RetentionPolicy | None,
        *,
        strict: bool,
        raise_on_write_error: bool,
        allow_loss: bool,
        allow_expire_all: bool,
    ):
        """``name``: as Papyra calls the backend in reports. ``location``: for people, without secrets."""
        policy = retention_policy or RetentionPolicy()
        super().__init__(retention_policy=policy)
        self._metrics = _Metrics()
        self._name, self._location = name, location
        limits = _limits(policy)
        self._limits, self._unlimited = Retention(limits), limits == Limits()
        self._strict = strict
        self._raise = raise_on_write_error
        self._allow_loss = checked("allow_loss", allow_loss)
        self._allow_expire_all = checked("allow_expire_all", allow_expire_all)
        self._writer = Writer(lambda: self._journal(self._limits))
        self._closed = False

    @abstractmethod
    def _journal(self, retention: Retention, quarantine_dir: str | None = None) -> Journal:
        """Returns a new journal over the store."""

    @abstractmethod
    def _exists(self) -> bool:
        """Returns whether there is a journal already."""

    @abstractmethod
    def _path_of(self, finding: Finding) -> str:
        """Returns where Papyra says that an anomaly is."""

    @abstractmethod
    def _repaired(self, done: Recovery) -> tuple[str, ...]:
        """Returns what a recovery has rewritten, as Papyra names it."""

    def _quarantine_dir(self, _config: PersistenceRecoveryConfig) -> str | None:
        """Returns the directory for removed entries, in a store that needs one."""
        return None

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
        """Reports damage. Changes nothing. A journal that does not exist is healthy."""
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
            if config.mode is PersistenceRecoveryMode.IGNORE or not await in_thread(self._exists):
                return PersistenceRecoveryReport(backend=self._name, scan=await self.scan())
            return await self._recover(config)
        except Exception:
            self._metrics.recovery_errors += 1
            raise

    async def compact(self) -> CompactionReport:
        """Removes the records that retention hides. Without a limit it removes nothing and leaves damaged
        entries to `recover`."""
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
        await in_thread(self._writer.close)

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
            _LOG.exception("a record was not written to %s", self._location)
            return
        self._metrics.records_written += 1
        self._metrics.bytes_written += self._size(line)

    def _size(self, line: str) -> int:
        """Returns the bytes of a line as stored."""
        return len(line.encode())

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
        done = await self._run(
            lambda journal: journal.recover(
                "quarantine" if quarantine else "repair",
                max_findings=_MAX_ANOMALIES,
                record_audit=False,
                allow_loss=self._allow_loss,
            ),
            quarantine_dir=self._quarantine_dir(config) if quarantine else None,
        )
        return PersistenceRecoveryReport(
            backend=self._name,
            scan=self._scanned(done.before),
            repaired_files=self._repaired(done),
            quarantined_files=tuple(done.quarantine),
        )

    async def _compact(self) -> CompactionReport:
        if not await in_thread(self._exists):
            return CompactionReport(self._name, 0, 0, 0, 0)
        if self._unlimited:
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
        found = [self._anomaly(finding) for finding in report.findings if self._is_told(finding)]
        told = sum(one.count for one in report.anomalies if self._is_told(one))
        self._metrics.anomalies_detected += told
        return PersistenceScanReport(backend=self._name, anomalies=tuple(found))

    def _is_told(self, one: Finding | AnomalyCount) -> bool:
        """Returns whether `scan` reports an anomaly of this name and severity."""
        return self._strict or one.severity == "damage"

    def _anomaly(self, finding: Finding) -> PersistenceAnomaly:
        cut = finding.anomaly in _TORN
        return PersistenceAnomaly(
            type=PersistenceAnomalyType.TRUNCATED_LINE if cut else PersistenceAnomalyType.CORRUPTED_LINE,
            path=self._path_of(finding),
            detail=f"{finding.anomaly}: {_where(finding)}, {finding.length} bytes",
        )

    async def _run(
        self,
        work: Callable[[Journal], T],
        *,
        retention: Retention | None = None,
        quarantine_dir: str | None = None,
    ) -> T:
        """Runs ``work`` in a thread, on an instance of its own, so that operations do not wait for each
        other."""

        def run() -> T:
            journal = self._journal(retention or self._limits, quarantine_dir)
            try:
                return work(journal)
            finally:
                journal.close()

        return await in_thread(run)


async def in_thread(work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work)


def _where(finding: Finding) -> str:
    if finding.id is not None:
        return f"entry {finding.id}"
    return f"line {finding.line}, byte {finding.offset}"


def _limits(policy: RetentionPolicy) -> Limits:
    limits = Limits(policy.max_records, policy.max_age_seconds, policy.max_total_bytes)
    for name, value in vars(limits).items():
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a number that is not negative, and is {value}")
        checked(name, value)
    return limits
