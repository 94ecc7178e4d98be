"""Arguments and results. The fields are those of ``wit/journal.wit``, which documents each of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True)
class Page:
    """Records as stored, one per line."""

    records: str
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
    count: int


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
    suspect: int
    structural: int
    anomalies: list[AnomalyCount]
    findings: str
    findings_listed: int
    findings_total: int
    oldest: float | None
    newest: float | None
    implausible_timestamps: int
    sampled: bool

    @property
    def healthy(self) -> bool:
        """True if there are no anomalies at all."""
        return not self.anomalies

    def list_findings(self) -> list[dict[str, Any]]:
        """Returns the listed findings, parsed."""
        return [json.loads(line) for line in self.findings.split("\n") if line]


@dataclass(frozen=True)
class Recovery:
    mode: str
    dry_run: bool
    before: ScanReport
    changed: bool
    removed_entries: int
    removed_bytes: int
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
    pinned_removed: int
    pinned_kept: int
    rewritten: list[str]
    quarantine: list[str]
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
    implausible_timestamps: int


@dataclass(frozen=True)
class StartupReport:
    outcome: str
    scan: ScanReport | None
    recovery: Recovery | None
    #: Bytes that an earlier clean check has examined, and that were not read again.
    indexed_bytes: int
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
