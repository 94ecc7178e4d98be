"""Taking replies of Redis apart. A reply of another shape is an error, whatever it is."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..store import Position
from . import ids
from .failure import unexpected

#: An entry is handed on up to here: the engine needs no more to see that it is too long.
_MAX_ENTRY = (16 << 20) + 1


class Entry(NamedTuple):
    """One entry of a stream."""

    at: Position
    #: The field ``data``; ``None`` if the entry has none. Of several the first.
    data: bytes | None


def items(reply: Any, what: str) -> list[Any]:
    """Returns the elements of a list; a missing one has none."""
    if reply is None:
        return []
    if not isinstance(reply, list):
        raise unexpected(what)
    return reply


def number(reply: Any, what: str) -> int:
    """Returns a number that is not negative."""
    if isinstance(reply, int) and reply >= 0:
        return reply
    raise unexpected(what)


def text(reply: Any, what: str) -> str:
    """Returns a text. Bytes that are not UTF-8, as in names that others have chosen, are replaced."""
    if not isinstance(reply, bytes):
        raise unexpected(what)
    return reply.decode(errors="replace")


def id_of(reply: Any, what: str) -> Position:
    """Returns the id at the front of an entry."""
    found = ids.parse(reply[0]) if isinstance(reply, list) and reply else None
    if found is None:
        raise unexpected(what)
    return found


def entry(reply: Any, what: str) -> Entry:
    """Returns one entry: its id, and a flat list of fields."""
    at = id_of(reply, what)
    if len(reply) != 2:
        raise unexpected(what)
    data = fields(reply[1], what).get(b"data")
    if data is not None and not isinstance(data, bytes):
        raise unexpected(what)
    return Entry(at, None if data is None else data[:_MAX_ENTRY])


def fields(reply: Any, what: str) -> dict[bytes, Any]:
    """Returns a flat list of names and values. Of several with one name the first counts."""
    parts = items(reply, what)
    found: dict[bytes, Any] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=False):
        found.setdefault(name, value)
    return found
