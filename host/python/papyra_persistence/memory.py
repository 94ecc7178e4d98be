"""A journal in memory, for tests and for records that need not outlive the process."""

from __future__ import annotations

import threading

from . import forks
from .errors import StoreError
from .store import Chunk, Description, Position, Rewrite, Segment

_SEGMENT = "memory"


class MemoryStore(forks.OfOneProcess):
    """A journal in memory. It only grows."""

    def __init__(self, max_bytes: int | None = None):
        """``max_bytes``: maximum size; a batch that does not fit is refused with ``full``."""
        self._bytes = bytearray()
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.Lock()

    def describe(self) -> Description:
        return Description("memory", "memory", volatile=True)

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        data = lines.encode()
        with self._lock:
            used = len(self._bytes)
            if self._max_bytes is not None and used + len(data) > self._max_bytes:
                raise StoreError(
                    "full",
                    f"the journal in memory holds at most {self._max_bytes} bytes, "
                    f"and {used} are used",
                    "none",
                )
            self._bytes += data

    def snapshot(self) -> _View:
        with self._lock:
            return _View(self, len(self._bytes))

    def copy(self, start: int, end: int) -> bytes:
        """Returns a piece of the journal."""
        with self._lock:
            return bytes(self._bytes[start:end])


class _View:
    """A snapshot. The journal only grows at its end, so a length is enough."""

    def __init__(self, store: MemoryStore, length: int):
        self._store = store
        self._length = length
        self.segments = [Segment(_SEGMENT, Position(0, length), length)]

    def _clamped(self, segment: str, at: Position) -> int:
        if segment != _SEGMENT:
            raise StoreError("not-found", "the journal in memory has no segment of that name")
        return min(at.minor, self._length) if at.major == 0 else self._length

    def read(self, segment: str, at: Position, max_bytes: int) -> Chunk:
        start = self._clamped(segment, at)
        end = min(start + max(max_bytes, 1), self._length)
        return Chunk(Position(0, start), self._store.copy(start, end), end == self._length)

    def read_back(self, segment: str, before: Position, max_bytes: int) -> Chunk:
        end = self._clamped(segment, before)
        start = max(end - max(max_bytes, 1), 0)
        return Chunk(Position(0, start), self._store.copy(start, end), start == 0)

    def rewrite(self, segment: str, purpose: str, keep_quarantine: bool, force: bool) -> Rewrite:
        raise StoreError("unsupported", "a journal in memory cannot be damaged and is not rewritten")

    def close(self) -> None:
        pass
