"""Removing entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreError
from ..store import Edit, Rewritten, Segment
from . import ids, replies, scripts
from .failure import unexpected
from .survey import survey

if TYPE_CHECKING:
    from .store import RedisStore

#: The most ranges of one rewrite: some hundred MiB of them.
_MAX_RANGES = 2 << 20
#: Ranges in one call of a script, and entries that one call removes at most.
_RANGES, _ENTRIES = 256, 256
_DOING = "remove entries"


class RedisRewrite:
    """An open rewrite. Everything happens in `commit`."""

    def __init__(
        self,
        store: RedisStore,
        segment: Segment,
        shift: ids.Shift,
        purpose: str,
        keep_quarantine: bool,
        force: bool,
    ):
        if not store.rewriting.acquire(blocking=False):
            said = "another rewrite of this journal is open; try again when it is done"
            raise StoreError("locked", said)
        self._open = store.rewriting
        self._store, self._segment, self._shift = store, segment, shift
        self._compacts, self._quarantines = purpose == "compact", keep_quarantine
        # The word by which the scripts know how to treat consumer groups.
        self._word = ("force" if force else "spare") if self._compacts else "acknowledge"
        self._ranges: list[Edit] = []

    def edit(self, edits: list[Edit]) -> None:
        for one in edits:
            if one.line_end:
                said = "entries of a stream have no line ends; nothing was changed"
                raise StoreError("failed", said)
            earliest = self._ranges[-1].end if self._ranges else ids.FIRST
            if not earliest <= one.start < one.end <= self._segment.end:
                said = "ranges to remove are out of order or outside of the stream"
                raise StoreError("failed", said)
            if len(self._ranges) == _MAX_RANGES:
                raise StoreError(
                    "failed",
                    "more than two million separate stretches are to be removed at once; nothing was. "
                    "Export what is sound and start a new stream",
                )
            self._ranges.append(one)

    def commit(self) -> Rewritten:
        try:
            return self._commit()
        finally:
            self._release()

    def abort(self) -> None:
        self._release()

    def _release(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.release()

    def _commit(self) -> Rewritten:
        before = self._bytes()
        quarantine: list[str] = []
        if self._quarantines and self._ranges:
            quarantine = [self._store.config.quarantine(self._segment.name)]
            removed = self._remove_each(0, quarantine[0])
        elif self._compacts and self._shift.is_none:
            # Trimming does not acknowledge, so it is for compaction alone. Nor can it remove the last possible
            # id: nothing comes after it.
            leading = self._leading()
            trimmed = self._trim(leading)
            if trimmed is None:
                leading, trimmed = 0, 0
            removed = trimmed + self._remove_each(leading, None)
        else:
            removed = self._remove_each(0, None)
        return Rewritten(before, self._bytes(), quarantine, removed)

    def _leading(self) -> int:
        """Returns how many of the first ranges have no entry between and before them, so that trimming does
        what they say."""
        ends = [ids.FIRST, *(one.end for one in self._ranges)]
        gaps = [
            (ids.written(end), ids.written(ids.before(one.start)))
            for end, one in zip(ends, self._ranges, strict=False)
        ]
        leading = 0
        while leading < len(gaps):
            some = gaps[leading : leading + _RANGES]
            pairs = [end for gap in some for end in gap]
            reply = self._store.link.call(_DOING, *scripts.gaps(self._segment.name, *pairs))
            empty = min(replies.number(reply, "XRANGE"), len(some))
            leading += empty
            if empty < len(some):
                break
        return leading

    def _trim(self, count: int) -> int | None:
        """Removes what lies before the end of the first ``count`` ranges, all at once. ``None``: that would not
        tell what groups lose."""
        if count == 0:
            return 0
        exactly = "~" if self._store.config.approx_trim else "="
        end = ids.written(self._ranges[count - 1].end)
        call = scripts.trim(self._segment.name, end, exactly, self._word)
        reply = self._store.link.call(_DOING, *call)
        return None if reply is None else replies.number(reply, "XTRIM")

    def _remove_each(self, begin: int, quarantine: str | None) -> int:
        """Removes entries one by one, a bounded number of them at a time."""
        gone = 0
        while begin < len(self._ranges):
            some = self._ranges[begin : begin + _RANGES]
            pairs = [end for one in some for end in self._ids(one)]
            call = scripts.remove(self._segment.name, quarantine, self._word, _ENTRIES, *pairs)
            # Doing it again does no harm: what is gone is not found.
            reply = replies.items(self._store.link.call(_DOING, *call), "XDEL")
            if len(reply) != 3:
                raise unexpected("XDEL")
            count, done = (replies.number(one, "XDEL") for one in reply[:2])
            if count == 0 and done == 0:
                raise unexpected("XDEL")
            gone += count
            begin += min(done, len(some))
        return gone

    def _ids(self, one: Edit) -> list[str]:
        """Returns the first and the last id of a range."""
        ends = (one.start, ids.before(one.end))
        return [ids.written(self._shift.id(position)) for position in ends]

    def _bytes(self) -> int:
        kind = self._segment.kind or "event"
        now = survey(self._store.link, kind, self._segment.name)
        return 0 if now is None else now.segment.bytes
