"""Arguments and results. The fields are those of ``wit/journal.wit``, which documents each of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .store import Position


@dataclass(frozen=True)
class Limits:
    """Limits of retention. ``None`` does not limit."""

    max_records: int | None = None
    max_age_seconds: float | None = None
    max_total_bytes: int | None = None


@dataclass(frozen=True)
class KindLimits:
    """Limits for one kind."""

    kind: str
    limits: Limits


@dataclass(frozen=True)
class Retention:
    """A retention policy: limits for the journal, and further ones for some kinds."""

    journal: Limits = field(default_factory=Limits)
    per_kind: list[KindLimits] = field(default_factory=list)


@dataclass(frozen=True)
class FieldMatch:
    """One condition: a field (a path of names joined with dots) and the value it must have."""

    field: str
    value: str


@dataclass(frozen=True)
class Appended:
    records: int
    bytes: int
    #: How many of the records are suspect; 0 unless the append was lenient.
    suspects: int


@dataclass(frozen=True)
class Page:
    """Records as stored, one per line."""

    records: str
    #: The time of each record, in the same order; NaN where its timestamp is not a number.
    times: list[float]
    count: int
    damaged: int
    cursor: str
    end: bool


@dataclass(frozen=True)
class KindCount:
    kind: str
    records: int
    bytes: int


@dataclass(frozen=True)
class AnomalyCount:
    anomaly: str
    #: ``damage``, ``suspect`` or ``structure``.
    severity: str
    count: int


@dataclass(frozen=True)
class Finding:
    """One anomaly, its place, and its looks."""

    anomaly: str
    #: As in `AnomalyCount`.
    severity: str
    segment: str
    line: int | None
    offset: int | None
    id: str | None
    length: int
    #: Whole records in a damaged line, which recovery keeps.
    salvageable: int
    ambiguous: int
    hint: str
    excerpt: str


@dataclass(frozen=True)
class ScanReport:
    backend: str
    location: str
    segments: int
    bytes: int
    entries: int
    records: int
    kinds: list[KindCount]
    damaged: int
    #: Whole records in damaged lines, which recovery keeps. They are not in ``records``.
    salvageable: int
    suspect: int
    structural: int
    anomalies: list[AnomalyCount]
    findings: list[Finding]
    findings_total: int
    oldest: float | None
    newest: float | None
    #: Records without calendar time, and with one ahead of the clock: age limits pass them by.
    untimed: int
    from_future: int
    time_note: str
    sampled: bool

    @property
    def healthy(self) -> bool:
        """True if there are no anomalies at all."""
        return not self.anomalies


@dataclass(frozen=True)
class Recovery:
    mode: str
    dry_run: bool
    before: ScanReport
    changed: bool
    removed_entries: int
    removed_bytes: int
    #: Whole records kept from damaged lines, those of them that may be a part of a torn record, and the line
    #: ends inserted for them.
    salvaged: int
    ambiguous: int
    line_ends: int
    terminated: int
    rewritten: list[str]
    quarantine: list[str]
    remaining: int
    bytes_before: int
    bytes_after: int
    note: str
    #: The audit record that was appended, with its line end; empty if there is none.
    audit: str


@dataclass(frozen=True)
class Compaction:
    backend: str
    location: str
    dry_run: bool
    changed: bool
    records_before: int
    records_after: int
    bytes_before: int
    bytes_after: int
    kept: list[KindCount]
    damaged_removed: int
    damaged_kept: int
    untimed_kept: int
    from_future_kept: int
    time_note: str
    pinned_removed: int
    pinned_kept: int
    rewritten: list[str]
    quarantine: list[str]
    #: Bytes that were not read, because the index knew enough of them.
    indexed_bytes: int
    #: Number of blocks of the index that were taken on trust. They hold the bytes that were not read.
    indexed_blocks: int
    as_of: float
    note: str
    #: The audit record that was appended, with its line end; empty if there is none.
    audit: str


@dataclass(frozen=True)
class Inspection:
    backend: str
    location: str
    segments: int
    bytes: int
    records: int
    kinds: list[KindCount]
    damaged: int
    sampled: bool
    oldest: float | None
    newest: float | None
    untimed: int
    from_future: int
    time_note: str


@dataclass(frozen=True)
class StartupReport:
    outcome: str
    scan: ScanReport | None
    recovery: Recovery | None
    #: Bytes that an earlier clean check has examined, and that were not read again.
    indexed_bytes: int
    note: str


@dataclass(frozen=True)
class IndexReport:
    backend: str
    location: str
    segments: int
    bytes: int
    entries: int
    blocks: int
    #: Bytes that were not read, because the index knew them.
    indexed_bytes: int
    index_bytes: int
    #: ``LENGTH:HASH``; absent without hashes.
    head: str | None


@dataclass(frozen=True)
class Difference:
    """The first place at which a journal is not what it was."""

    segment: str
    start: Position
    end: Position
    first_line: int
    last_line: int
    oldest: float | None
    newest: float | None


@dataclass(frozen=True)
class VerifyReport:
    backend: str
    location: str
    segments: int
    bytes: int
    blocks: int
    #: ``intact``, ``differs`` or ``unverifiable``.
    outcome: str
    #: The head of the journal as it is now.
    head: str
    difference: Difference | None
    note: str


@dataclass(frozen=True)
class Counters:
    records_written: int
    bytes_written: int
    records_read: int
    scans: int
    anomalies_detected: int
    recoveries: int
    compactions: int
    bytes_reclaimed: int
    write_errors: int
    read_errors: int
    scan_errors: int
    recovery_errors: int
    compaction_errors: int
