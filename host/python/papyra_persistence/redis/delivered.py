"""Entries that Redis delivers, in the form in which the engine takes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..groups import Delivered, DeliveredFrame, PendingEntry
from . import ids, replies
from .failure import unexpected
from .replies import Entry


@dataclass
class Entries:
    """Entries that were delivered."""

    entries: list[Entry] = field(default_factory=list)
    #: Ids that were delivered, and whose entries are gone.
    deleted: list[str] = field(default_factory=list)

    def ids(self) -> list[str]:
        return [ids.written(one.at) for one in self.entries]

    def delivered(self, counts: dict[str, int], others: int = 0) -> Delivered:
        """Returns them with how often they have been delivered."""
        end, frames = 0, []
        for one in sorted(self.entries):
            end += len(one.data or b"")
            at = ids.written(one.at)
            frames.append(DeliveredFrame(at, end, one.data is None, counts.get(at, others)))
        data = b"".join(one.data or b"" for one in sorted(self.entries))
        return Delivered(data, frames, self.deleted)


def fetched(reply: Any) -> Entries:
    """Reads the reply to ``XREADGROUP``: at most one stream with its entries."""
    what = "XREADGROUP"
    streams = replies.items(reply, what)
    if not streams:
        return Entries()
    if not isinstance(streams[-1], list) or len(streams[-1]) != 2:
        raise unexpected(what)
    return listed(streams[-1][1], what)


def listed(reply: Any, what: str) -> Entries:
    """Reads a list of entries, some of which may be gone."""
    found = Entries()
    for one in replies.items(reply, what):
        if one is None:
            continue  # Redis before version 7, for entries that are gone.
        if isinstance(one, list) and len(one) == 2 and one[1] is None:
            found.deleted.append(replies.text(one[0], what))
        else:
            found.entries.append(replies.entry(one, what))
    return found


def pending(reply: Any) -> list[PendingEntry]:
    """Reads a list of pending entries."""
    what, found = "XPENDING", []
    for one in replies.items(reply, what):
        parts = replies.items(one, what)
        if len(parts) != 4:
            raise unexpected(what)
        idle, deliveries = (replies.number(part, what) for part in parts[2:])
        found.append(
            PendingEntry(replies.text(parts[0], what), replies.text(parts[1], what), idle, deliveries)
        )
    return found


def counts(lists: list[Any]) -> dict[str, int]:
    """Returns how often entries have been delivered, from lists of pending entries."""
    return {one.id: one.deliveries for reply in lists for one in pending(reply)}
