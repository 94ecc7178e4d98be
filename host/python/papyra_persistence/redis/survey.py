"""The present state of a stream, read by plain commands: permission to read is enough."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import StoreError
from ..store import Position, Segment
from . import ids, replies
from .failure import code, is_missing_key, unexpected
from .link import Link

_DOING = "look at the journal"
_XINFO = "XINFO"


class Surveyed(NamedTuple):
    """A stream as a segment, and how its ids become positions."""

    segment: Segment
    shift: ids.Shift


def survey(link: Link, kind: str, key: str) -> Surveyed | None:
    """Returns the present state of a stream; ``None`` if there is none.

    One ``XINFO`` tells everything that has to belong together, so no transaction is needed, which a user may not
    be permitted.
    """
    try:
        reply = link.call(_DOING, _XINFO, "STREAM", key, "FULL", "COUNT", 1)
    except StoreError as error:
        if isinstance(error.__cause__, Exception) and is_missing_key(error.__cause__):
            return None
        raise
    seen = replies.fields(reply, _XINFO)
    length = replies.number(seen.get(b"length"), _XINFO)
    newest = _id(seen, b"last-generated-id")
    shift = _shift(link, key) if newest == ids.LAST and length > 0 else ids.Shift()
    end = ids.after(shift.position(newest))
    entries = replies.items(seen.get(b"entries"), _XINFO)
    start = shift.position(replies.id_of(entries[0], _XINFO)) if entries else end
    needed = [shift.position(_needed(one)) for one in replies.items(seen.get(b"groups"), _XINFO)]
    pinned = min(needed, default=end)
    size = _memory(link, key) if length > 0 else 0
    segment = Segment(key, end, size, start, entries=length, kind=kind)
    if pinned < end:
        segment = Segment(key, end, size, start, entries=length, kind=kind, pinned=pinned)
    return Surveyed(segment, shift)


def _id(seen: dict[bytes, Any], name: bytes) -> Position:
    found = ids.parse(seen.get(name))
    if found is None:
        raise unexpected(_XINFO)
    return found


def _needed(reply: Any) -> Position:
    """Returns the first id that a group needs: its oldest pending entry, or what follows the entry that it was
    given last."""
    group = replies.fields(reply, _XINFO)
    following = ids.after(_id(group, b"last-delivered-id"))
    pending = replies.items(group.get(b"pending") or group.get(b"pel"), _XINFO)
    return min(following, replies.id_of(pending[0], _XINFO)) if pending else following


def _memory(link: Link, key: str) -> int:
    """Returns the memory that a stream takes; 0 where that may not be asked."""
    try:
        reply = link.call(_DOING, "MEMORY", "USAGE", key)
    except StoreError as error:
        if isinstance(error.__cause__, Exception) and code(error.__cause__) in ("NOPERM", "ERR"):
            return 0
        raise
    return reply if isinstance(reply, int) and reply > 0 else 0


def _shift(link: Link, key: str) -> ids.Shift:
    """Returns how the ids of a stream that holds the last possible one become positions."""
    command = "XREVRANGE"
    reply = link.call(_DOING, command, key, "+", "-", "COUNT", 2)
    return ids.Shift([replies.id_of(one, command) for one in replies.items(reply, command)])
