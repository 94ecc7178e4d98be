"""Ids of entries, ``milliseconds-sequence``, as positions and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..store import Position

_MOST = (1 << 64) - 1
#: Before every entry.
FIRST = Position(0, 0)
#: The last possible id. No stream takes an entry after it.
LAST = Position(_MOST, _MOST)
_ID = re.compile(rb"([0-9]{1,20})(?:-([0-9]{1,20}))?")


def written(position: Position) -> str:
    """Returns an id as Redis writes it."""
    return f"{position.major}-{position.minor}"


def parse(text: object) -> Position | None:
    """Reads an id. A lone number means sequence 0, as it does to Redis."""
    found = _ID.fullmatch(text) if isinstance(text, bytes) else None
    if found is None:
        return None
    position = Position(int(found[1]), int(found[2] or 0))
    return position if max(position) <= _MOST else None


def after(position: Position) -> Position:
    """Returns the least id after this one; the greatest is its own successor."""
    if position.minor < _MOST:
        return Position(position.major, position.minor + 1)
    return Position(position.major + 1, 0) if position.major < _MOST else position


def before(position: Position) -> Position:
    """Returns the greatest id before this one; the first is before itself."""
    if position.minor > 0:
        return Position(position.major, position.minor - 1)
    return Position(position.major - 1, _MOST) if position.major > 0 else position


class Shift:
    """How ids become positions.

    A position is an id, but for one thing: what ends after the last possible id has no end, since ranges exclude
    theirs. So in a stream with that entry, the ids from some place on are positions one less. That place is the
    last id itself if the one before it is not taken, and else the beginning: there is never an entry 0-0.
    """

    def __init__(self, newest: Sequence[Position] = ()):
        """``newest``: the two newest ids, the newest first."""
        self._from: Position | None = None
        if newest and newest[0] == LAST:
            crowded = len(newest) > 1 and after(newest[1]) == LAST
            self._from = after(FIRST) if crowded else LAST

    @property
    def is_none(self) -> bool:
        """True if positions are ids."""
        return self._from is None

    def position(self, of: Position) -> Position:
        """Returns the position of an id."""
        return before(of) if self._from is not None and of >= self._from else of

    def id(self, position: Position) -> Position:
        """Returns the id of a position."""
        following = after(position)
        return following if self._from is not None and following >= self._from else position
