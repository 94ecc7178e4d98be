"""What a store is. It stores, and knows nothing of lines, damage or retention.

The contract is ``wit/storage.wit``. Whatever the engine asks comes out of the sandbox: look names up,
clamp positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable


class Position(NamedTuple):
    """Where an entry lies. A file has ``major`` 0 and counts bytes in ``minor``."""

    major: int
    minor: int


@dataclass(frozen=True)
class Description:
    """What the store is; constant."""

    backend: str
    #: For people: a path, or a URL without its secrets.
    location: str
    #: ``lines`` if the engine finds the line ends, ``entries`` if the store frames them.
    framing: str = "lines"
    #: ``sequence`` if segments follow each other, ``parallel`` if there is one for each kind.
    layout: str = "sequence"
    #: Nothing in it outlives the process.
    volatile: bool = False


@dataclass(frozen=True)
class Segment:
    """One segment of a snapshot."""

    name: str
    end: Position
    bytes: int
    start: Position = Position(0, 0)
    #: ``active``, ``sealed``, ``stray`` or ``leftover``.
    role: str = "active"
    number: int = 0
    entries: int | None = None
    kind: str | None = None
    pinned: Position | None = None


@dataclass(frozen=True)
class Frame:
    """One entry inside :attr:`Chunk.data`, for stores that frame entries."""

    at: Position
    end: int
    missing: bool = False


@dataclass(frozen=True)
class Chunk:
    """A piece of a segment; fewer bytes than were asked for are allowed."""

    start: Position
    data: bytes
    last: bool
    frames: list[Frame] = field(default_factory=list)


@dataclass(frozen=True)
class Rewritten:
    """What a rewrite has done."""

    bytes_before: int
    bytes_after: int
    quarantine: list[str] = field(default_factory=list)
    removed_entries: int | None = None


class Rewrite(Protocol):
    """A segment that is being rewritten. Without effect until :meth:`commit`."""

    def remove(self, ranges: list[tuple[Position, Position]]) -> None:
        """These ranges go: half open, ascending, after those of earlier calls."""

    def commit(self, terminate_tail: bool) -> Rewritten:
        """Make quarantine durable, then switch atomically."""

    def abort(self) -> None:
        """Leave nothing behind. Also called after a failure."""


class Snapshot(Protocol):
    """The store as it was at one moment, whatever happens meanwhile."""

    segments: list[Segment]

    def read(self, segment: str, at: Position, max_bytes: int) -> Chunk:
        """Bytes from ``at`` on."""

    def read_back(self, segment: str, before: Position, max_bytes: int) -> Chunk:
        """Bytes that lie directly before ``before``."""

    def rewrite(self, segment: str, purpose: str, keep_quarantine: bool, force: bool) -> Rewrite:
        """Begin to rewrite a segment. ``purpose`` is ``recover`` or ``compact``."""

    def close(self) -> None:
        """Nobody reads it any longer."""


class Store(Protocol):
    """A store. Each method may raise :class:`papyra_persistence.StoreError`."""

    def describe(self) -> Description:
        """What the store is."""

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        """Append whole lines, all or none. ``runs``: so many lines of each kind, in order."""

    def snapshot(self) -> Snapshot:
        """The store as it is now."""


@runtime_checkable
class Checkpoints(Protocol):
    """What a store can also do. Without it each startup check reads everything."""

    def load_checkpoint(self) -> str:
        """What :meth:`save_checkpoint` was last given, or nothing."""

    def save_checkpoint(self, text: str) -> None:
        """Keep a text in place of the one before, atomically."""
