"""The contract of stores. A store keeps bytes, and knows nothing of lines, damage or retention.

The full contract is ``wit/storage.wit``. All arguments come out of the sandbox, so a store looks names up
and clamps positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from .renamed import renamed


class Position(NamedTuple):
    """The position of an entry. In a file ``major`` is 0 and ``minor`` counts bytes."""

    major: int
    minor: int


class Edit(NamedTuple):
    """One change of a rewrite: the bytes from ``start`` up to ``end`` give way to one line end, or to
    nothing."""

    start: Position
    end: Position
    #: Whether a line end takes their place. Only in a store whose entries are lines.
    line_end: bool = False


@dataclass(frozen=True)
class Profile:
    """What records look like that Papyra did not write."""

    time_field: str
    #: ``seconds``, ``milliseconds``, ``microseconds``, ``nanoseconds`` or ``rfc3339``.
    time_format: str
    kind_field: str | None = None


@dataclass(frozen=True)
class Description:
    """Properties of a store. They never change."""

    backend: str
    #: For people: a path, or a URL without its secrets.
    location: str
    #: ``lines`` if the engine finds the line ends, ``entries`` if the store frames its entries.
    framing: str = "lines"
    #: ``sequence`` if segments follow each other in time, ``parallel`` if there is one for each kind.
    layout: str = "sequence"
    #: The contents end with the process.
    volatile: bool = False
    #: What its records look like; ``None``: as Papyra writes them.
    profile: Profile | None = None


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
    partition: int | None = None


@dataclass(frozen=True)
class Frame:
    """One entry inside :attr:`Chunk.data`, for stores that frame entries."""

    at: Position
    end: int
    missing: bool = False


@dataclass(frozen=True)
class Chunk:
    """A piece of a segment, possibly shorter than asked for."""

    start: Position
    data: bytes
    last: bool
    frames: list[Frame] = field(default_factory=list)


@dataclass(frozen=True)
class Rewritten:
    """The result of a rewrite."""

    bytes_before: int
    bytes_after: int
    quarantine: list[str] = field(default_factory=list)
    removed_entries: int | None = None


Rewritten.__init__ = renamed(evidence="quarantine")(Rewritten.__init__)  # type: ignore[method-assign]


class Rewrite(Protocol):
    """A rewrite of one segment. It has no effect until :meth:`commit`."""

    def edit(self, edits: list[Edit]) -> None:
        """Makes these changes. They ascend, do not overlap, and continue those of earlier calls."""

    def commit(self) -> Rewritten:
        """Makes the quarantine durable, then switches to the new content atomically."""

    def abort(self) -> None:
        """Gives up the rewrite and leaves nothing behind. Also called after a failure."""


class Snapshot(Protocol):
    """The store as it was at one moment, whatever changes meanwhile."""

    segments: list[Segment]

    def read(self, segment: str, at: Position, max_bytes: int) -> Chunk:
        """Returns bytes from ``at`` on."""

    def read_back(self, segment: str, before: Position, max_bytes: int) -> Chunk:
        """Returns bytes that lie directly before ``before``."""

    def rewrite(self, segment: str, purpose: str, keep_quarantine: bool, force: bool) -> Rewrite:
        """Begins to rewrite a segment. ``purpose`` is ``recover`` or ``compact``."""

    def close(self) -> None:
        """Releases the snapshot. No more reads follow."""


class Store(Protocol):
    """A store. Each method may raise :class:`papyra_persistence.StoreError`."""

    def describe(self) -> Description:
        """Returns the properties of the store."""

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        """Appends whole lines, all or none. ``runs`` has the kind and the number of consecutive lines of
        that kind, in order."""

    def snapshot(self) -> Snapshot:
        """Returns a snapshot of the store as it is now."""


@runtime_checkable
class Indexed(Protocol):
    """Optional functions of a store. Without them every startup check reads everything."""

    def load_index(self) -> str:
        """Returns the text that was saved last, or an empty one."""

    def save_index(self, text: str) -> None:
        """Replaces the saved text, of at most 8 MiB, atomically."""
