"""A view with fixed ends. Entries that are removed meanwhile are missing from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreError
from ..store import Chunk, Frame, Position, Segment
from . import ids, replies
from .config import STREAMS
from .replies import Entry
from .rewrite import RedisRewrite
from .survey import Surveyed, survey

if TYPE_CHECKING:
    from .store import RedisStore

#: The minimum length to assume for entries, so that a run of tiny ones does not make the next page a huge one.
_LEAST_AVERAGE = 128
#: How many bytes a page should have.
_LEAST_PAGE, _MOST_PAGE = 64 << 10, 512 << 10
_DOING = "read the journal"


class _Reader:
    """How the entries of one stream are fetched."""

    def __init__(self, found: Surveyed):
        self.segment, self.shift = found.segment, found.shift
        self.average = max(self.segment.bytes // max(self.segment.entries or 0, 1), _LEAST_AVERAGE)


class RedisSnapshot:
    """The streams as they were at one moment each."""

    def __init__(self, store: RedisStore):
        self._store = store
        found = (survey(store.link, kind, store.config.stream(kind)) for kind in STREAMS)
        self._readers = {one.segment.name: _Reader(one) for one in found if one is not None}
        if not self._readers:
            raise StoreError(
                "not-found",
                f"there is no stream {store.config.stream('event')}, nor one of the other kinds, at "
                f"{store.link.location}; check prefix and system_id (the first append makes it)",
            )
        self.segments: list[Segment] = [one.segment for one in self._readers.values()]

    def read(self, segment: str, at: Position, max_bytes: int) -> Chunk:
        reader = self._reader(segment)
        if at >= reader.segment.end:
            return Chunk(reader.segment.end, b"", last=True)
        to = ids.before(reader.segment.end)
        page, last = self._page(reader, "XRANGE", at, to, max_bytes)
        count = _fitting(page, max_bytes)
        return _chunk(at, page[:count], last and count == len(page))

    def read_back(self, segment: str, before: Position, max_bytes: int) -> Chunk:
        reader = self._reader(segment)
        before = min(before, reader.segment.end)
        if before <= reader.segment.start:
            return Chunk(before, b"", last=True)
        start = reader.segment.start
        page, last = self._page(reader, "XREVRANGE", ids.before(before), start, max_bytes)
        # From the newest end: those that do not fit come with the next call.
        count = _fitting(page, max_bytes)
        return _chunk(before, page[:count][::-1], last and count == len(page))

    def rewrite(
        self, segment: str, purpose: str, keep_quarantine: bool, force: bool
    ) -> RedisRewrite:
        reader = self._reader(segment)
        return RedisRewrite(
            self._store, reader.segment, reader.shift, purpose, keep_quarantine, force
        )

    def close(self) -> None:
        pass

    def _reader(self, name: str) -> _Reader:
        reader = self._readers.get(name)
        if reader is None:
            raise StoreError("not-found", "the journal in Redis has no stream of that name")
        return reader

    def _page(
        self, reader: _Reader, command: str, first: Position, last: Position, wanted: int
    ) -> tuple[list[Entry], bool]:
        """Returns entries in the order of the command, and whether nothing follows."""
        wanted = min(max(wanted, _LEAST_PAGE), _MOST_PAGE)
        # Entries differ in length: with a little less, most pages fit into one chunk.
        wanted -= wanted // 16
        count = max(min(wanted // max(reader.average, _LEAST_AVERAGE), self._store.config.max_read), 1)
        ends = [ids.written(reader.shift.id(one)) for one in (first, last)]
        key = reader.segment.name
        reply = self._store.link.call(_DOING, command, key, *ends, "COUNT", count)
        found = [replies.entry(one, command) for one in replies.items(reply, command)]
        page = [Entry(reader.shift.position(one.at), one.data) for one in found]
        if page:
            reader.average = sum(len(one.data or b"") for one in page) // len(page)
        return page, len(page) < count


def _fitting(page: list[Entry], room: int) -> int:
    """Returns how many entries fit, which is at least one."""
    for count, one in enumerate(page):
        room -= len(one.data or b"")
        if room < 0:
            return max(count, 1)
    return len(page)


def _chunk(empty: Position, page: list[Entry], last: bool) -> Chunk:
    """Returns entries as the engine gets them. ``empty``: where the chunk starts if there are none."""
    end, frames = 0, []
    for one in page:
        end += len(one.data or b"")
        frames.append(Frame(one.at, end, one.data is None))
    data = b"".join(one.data or b"" for one in page)
    return Chunk(page[0].at if page else empty, data, last, frames)
