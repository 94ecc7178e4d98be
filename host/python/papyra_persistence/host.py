"""The imports of the engine, implemented over one store."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from wasmtime.component import Linker, Record, Variant

from . import host_groups, payload
from .errors import StoreError
from .interrupts import Interrupts
from .store import Chunk, Edit, Indexed, Position, Rewrite, Snapshot, Store
from .text import sayable
from .values import lowered, record

#: A larger chunk would end the instance before the engine could report it.
_MAX_CHUNK = 17 << 20
_MAX_FRAMES = 1 << 17


class Host:
    """Everything that one instance of the engine can reach but the clock: one store."""

    def __init__(self, store: Store):
        self._store = store
        self._lines = asked(store.describe).framing == "lines"
        self._snapshot: Snapshot | None = None
        #: The names of segments as the store knows them, by those that the engine is given.
        self._names: dict[str, str] = {}
        #: The last chunk was ASCII.
        self._ascii = False
        self._rewrite: Rewrite | None = None

    def link(self, linker: Linker, interrupts: Interrupts) -> None:
        """Defines all imports but the clock."""
        storage = {
            "describe": self._describe,
            "segments": self._segments,
            "read": self._read,
            "read-back": self._read_back,
            "append": self._append,
            "rewrite-begin": self._rewrite_begin,
            "rewrite-edit": self._rewrite_edit,
            "rewrite-commit": self._rewrite_commit,
            "rewrite-abort": self._rewrite_abort,
            "load-index": self._load_index,
            "save-index": self._save_index,
        }
        interfaces = {"storage": storage, **host_groups.functions(self._store, asked)}
        with linker.root() as root:
            for interface, functions in interfaces.items():
                with root.add_instance(f"papyra:persistence/{interface}@0.2.0") as instance:
                    for name, answer in functions.items():
                        refusal = _append_error if name == "append" else _error
                        instance.add_func(name, interrupts.guarded(answer, refusal))

    def close(self) -> None:
        """Closes the snapshot and gives up the rewrite, if they are open."""
        self._rewrite_abort()
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            asked(snapshot.close)

    def _describe(self) -> Record:
        description = asked(self._store.describe)
        return lowered(replace(description, location=sayable(description.location)))

    def _append(self, lines: str, runs: list[Record]) -> None:
        asked(
            self._store.append, lines, [(run.kind.replace("-", "_"), run.lines) for run in runs]
        )

    def _segments(self) -> list[Record]:
        self.close()
        self._snapshot = asked(self._store.snapshot)
        self._names = {sayable(one.name): one.name for one in self._snapshot.segments}
        return lowered([replace(one, name=sayable(one.name)) for one in self._snapshot.segments])

    def _named(self, segment: str) -> str:
        return self._names.get(segment, segment)

    def _opened(self) -> Snapshot:
        if self._snapshot is None:
            raise StoreError("failed", "no snapshot is open; call segments first")
        return self._snapshot

    def _read(self, segment: str, at: Record, max_bytes: int) -> Record:
        segment = self._named(segment)
        if not self._lines:
            return _framed(_checked(asked(self._opened().read, segment, _position(at), max_bytes)))
        most = max_bytes if self._ascii else min(max_bytes, payload.MOST_TEXT)
        chunk = _checked(asked(self._opened().read, segment, _position(at), most))
        self._ascii = chunk.data.isascii()
        data, whole = payload.forward(chunk.data)
        return _chunk(chunk.start, data, chunk.last and whole)

    def _read_back(self, segment: str, before: Record, max_bytes: int) -> Record:
        segment = self._named(segment)
        chunk = _checked(
            asked(self._opened().read_back, segment, _position(before), max_bytes)
        )
        if not self._lines:
            return _framed(chunk)
        data, skipped = payload.backward(chunk)
        return _chunk(payload.moved(chunk.start, skipped), data, chunk.last and skipped == 0)

    def _rewrite_begin(self, segment: str, options: Record) -> None:
        self._rewrite_abort()
        keep_quarantine = getattr(options, "keep-quarantine")
        snapshot = self._opened()
        self._rewrite = asked(
            snapshot.rewrite, self._named(segment), options.purpose, keep_quarantine, options.force
        )

    def _rewriting(self) -> Rewrite:
        if self._rewrite is None:
            raise StoreError("failed", "no rewrite is open; call rewrite-begin first")
        return self._rewrite

    def _rewrite_edit(self, edits: list[Record]) -> None:
        made = [
            Edit(_position(one.start), _position(one.end), getattr(one, "line-end")) for one in edits
        ]
        asked(self._rewriting().edit, made)

    def _rewrite_commit(self) -> Record:
        rewrite = self._rewriting()
        done = asked(rewrite.commit)
        self._rewrite = None
        return lowered(replace(done, quarantine=[sayable(name) for name in done.quarantine]))

    def _rewrite_abort(self) -> None:
        rewrite, self._rewrite = self._rewrite, None
        if rewrite is not None:
            # The engine has no answer to an abort that fails, and is told what has failed before.
            with contextlib.suppress(StoreError, OSError):
                asked(rewrite.abort)

    def _load_index(self) -> str:
        return asked(self._store.load_index) if isinstance(self._store, Indexed) else ""

    def _save_index(self, text: str) -> None:
        if not isinstance(self._store, Indexed):
            raise StoreError("unsupported", "this store keeps no index")
        asked(self._store.save_index, text)


def asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns the answer of a store. Refuses an awaitable: the engine cannot wait for it."""
    answer = function(*arguments)
    if not inspect.isawaitable(answer):
        return answer
    if inspect.iscoroutine(answer):
        answer.close()
    name = getattr(function, "__name__", "one of its methods")
    raise StoreError("failed", f"the store must be synchronous, and `{name}` returned an awaitable")


def link_clock(linker: Linker, clock: Callable[[], float] | None, interrupts: Interrupts) -> None:
    """Defines the wall clock."""

    def now() -> Record:
        if clock is None:
            seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        else:
            # Kept apart, since their sum has more digits than a float.
            whole, fraction = divmod(max(clock(), 0.0), 1)
            seconds, nanoseconds = int(whole), int(fraction * 1e9)
        return record(seconds=seconds, nanoseconds=nanoseconds)

    with linker.root() as root, root.add_instance("wasi:clocks/wall-clock@0.2.0") as instance:
        instance.add_func("now", interrupts.guarded(now, _raised))
        instance.add_func("resolution", lambda _store: record(seconds=0, nanoseconds=1))


def _raised(error: Exception) -> NoReturn:
    raise error


def _error(error: Exception) -> Variant:
    """Makes the error of a store the answer of the import. Any other one ends the instance."""
    told = _told(error)
    return Variant(told.code, sayable(str(told)))


def _append_error(error: Exception) -> Record:
    return record(error=_error(error), written=_told(error).written or "unknown")


def _told(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    if isinstance(error, OSError):
        return StoreError("failed", f"the store failed: {error}")
    raise error


def _checked(chunk: Chunk) -> Chunk:
    if len(chunk.data) > _MAX_CHUNK or len(chunk.frames) > _MAX_FRAMES:
        returned = f"{len(chunk.data)} bytes and {len(chunk.frames)} frames"
        maximum = f"{_MAX_CHUNK} and {_MAX_FRAMES}"
        raise StoreError("corrupt", f"the store returned {returned} at once; the maximum is {maximum}")
    return chunk


def _position(value: Record) -> Position:
    return Position(value.major, value.minor)


def _chunk(start: Position, data: str | bytes, last: bool) -> Record:
    return record(start=lowered(start), data=data, frames=[], last=last)


def _framed(chunk: Chunk) -> Record:
    data: str | bytes = chunk.data
    try:
        data = chunk.data.decode()
    except UnicodeDecodeError:
        pass  # Slow, but frames cannot be split without another call of the store.
    return record(
        start=lowered(chunk.start), data=data, frames=lowered(chunk.frames), last=chunk.last
    )
