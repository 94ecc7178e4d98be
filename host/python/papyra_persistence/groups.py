"""Consumer groups: what a store with groups has besides `papyra_persistence.store.Store`, and what they return. The
full contract is ``wit/groups.wit`` and ``wit/claims.wit``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class DeliveredFrame:
    """One entry inside `Delivered.data`."""

    id: str
    #: Offset just after its bytes.
    end: int
    #: The entry has no payload at all.
    missing: bool
    #: Number of deliveries, including this one; 0 if the store cannot tell.
    deliveries: int


@dataclass(frozen=True)
class Delivered:
    """Entries that were handed out, in ascending order of ids."""

    data: bytes = b""
    frames: list[DeliveredFrame] = field(default_factory=list)
    #: Ids that were pending, and whose entries no longer exist.
    deleted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AutoClaimed:
    """Entries that were taken over, and the id to continue with; ``0-0`` at the end of the list."""

    entries: Delivered
    next: str


@dataclass(frozen=True)
class ConsumerPending:
    """The number of pending entries of one consumer."""

    consumer: str
    count: int


@dataclass(frozen=True)
class PendingSummary:
    """A summary of the pending entries of a group."""

    count: int
    #: Least and greatest pending id.
    min: str | None
    max: str | None
    consumers: list[ConsumerPending]


@dataclass(frozen=True)
class PendingEntry:
    """One pending entry."""

    id: str
    consumer: str
    #: Milliseconds since its last delivery.
    idle_ms: int
    deliveries: int


@dataclass(frozen=True)
class PendingFilter:
    """The pending entries to list."""

    #: First and last id, both included; ``-`` and ``+`` are the open ends.
    start: str = "-"
    end: str = "+"
    #: Maximum number of entries, 1 to 10,000.
    count: int = 100
    min_idle_ms: int = 0
    #: List only the entries of this consumer.
    consumer: str | None = None


@dataclass(frozen=True)
class ConsumerInfo:
    """One consumer of a group."""

    name: str
    pending: int
    #: Milliseconds since it last asked for entries.
    idle_ms: int
    #: Milliseconds since it was last handed an entry, if that is known.
    inactive_ms: int | None


@dataclass(frozen=True)
class GroupInfo:
    """One consumer group."""

    name: str
    consumers: int
    pending: int
    last_delivered: str
    #: Number of entries not yet delivered to the group, if that is known.
    lag: int | None


@runtime_checkable
class Groups(Protocol):
    """A store with consumer groups. ``not-found``: no such group or stream. Kinds are spelt as in records."""

    def ensure_group(self, kind: str, group: str, start: str) -> bool:
        """Creates a group, and the stream too, unless it exists. Returns whether it was new."""

    def fetch(
        self, kind: str, group: str, consumer: str, after: str | None, count: int, wait: float | None
    ) -> Delivered:
        """Hands entries to a consumer: fresh ones, for which it waits that many seconds (``None``: for ever), or
        those that it was given and has not acknowledged, ``after`` an id."""

    def ack(self, kind: str, group: str, ids: list[str]) -> int:
        """Acknowledges entries. Returns how many were pending; 0 if there is no such group."""

    def summarize_pending(self, kind: str, group: str) -> PendingSummary:
        """Summarizes the pending entries."""

    def list_pending(self, kind: str, group: str, chosen: PendingFilter) -> list[PendingEntry]:
        """Lists pending entries, in ascending order of ids."""

    def claim(
        self, kind: str, group: str, consumer: str, min_idle_ms: int, ids: list[str]
    ) -> Delivered:
        """Takes over these entries if they have been idle for at least this duration."""

    def auto_claim(
        self, kind: str, group: str, consumer: str, min_idle_ms: int, start: str, count: int
    ) -> AutoClaimed:
        """Takes over entries that have been idle for at least this duration, from ``start`` on."""

    def list_groups(self, kind: str) -> list[GroupInfo]:
        """Lists the groups of a kind; none if the stream does not exist."""

    def list_consumers(self, kind: str, group: str) -> list[ConsumerInfo]:
        """Lists the consumers of a group."""

    def delete_group(self, kind: str, group: str) -> bool:
        """Deletes a group. Returns whether there was one."""

    def delete_consumer(self, kind: str, group: str, consumer: str) -> int:
        """Deletes a consumer. Returns the number of its pending entries."""

    def set_id(self, kind: str, group: str, id: str) -> None:
        """Moves the position of a group: it continues after ``id``."""

    def quarantine_entry(self, kind: str, group: str, id: str, reason: str) -> None:
        """Copies an entry to the quarantine, with ``reason``, then acknowledges it."""
