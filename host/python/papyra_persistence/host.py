"""The imports of the engine, implemented over one store."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wasmtime.component import Linker, Record, Variant

from . import payload
from .errors import StoreError
from .interrupts import Interrupts, Stopped
from .store import Chunk, Edit, Indexed, Position, Rewrite, Snapshot, Store
from .text import sayable
from .values import lowered, record

_PACKAGE = "papyra:persistence"
_VERSION = "0.2.0"
#: A larger chunk would end the instance before the engine could report it.
_MAX_CHUNK = 17 << 20
_MAX_FRAMES = 1 << 17
#: Maximum bytes of lines to read at once after a chunk that was not ASCII. Python keeps a text with an emoji
#: in four bytes a character, and a larger one falls out of the processor's cache (a scan takes 1.2 times as
#: long). ASCII is read in chunks as large as the engine asks for, because calls are expensive.
_MOST_LINES = 384 << 10
#: The functions of `groups` and `claims`. Stores in Python have no consumer groups.
_GROUPS = (
    "ensure-group",
    "fetch",
    "ack",
    "summarize-pending",
    "list-groups",
    "list-consumers",
    "delete-group",
    "delete-consumer",
    "set-id",
    "quarantine",
)
_CLAIMS = ("list-pending", "claim", "auto-claim")


class Host:
    """Everything that one instance of the engine can reach: one store, and the clock."""

    def __init__(self, store: Store, clock: Callable[[], float] | None, interrupts: Interrupts):
        self._interrupts = interrupts
        self._store = store
        self._clock = clock
        self._lines = asked(store.describe).framing == "lines"
        self._snapshot: Snapshot | None = None
        #: The names of segments as the store knows them, by those that the engine is given.
        self._names: dict[str, str] = {}
        #: The last chunk was ASCII.
        self._ascii = False
        self._rewrite: Rewrite | None = None

    def link(self, linker: Linker) -> None:
        """Defines all imports."""
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
        clock = {"now": self._now, "resolution": lambda: record(seconds=0, nanoseconds=1)}
        interfaces = {
            "storage": storage,
            "groups": dict.fromkeys(_GROUPS, _no_groups),
            "claims": dict.fromkeys(_CLAIMS, _no_groups),
        }
        with linker.root() as root:
            for name, functions in interfaces.items():
                self._define(root, f"{_PACKAGE}/{name}@{_VERSION}", functions)
            self._define(root, "wasi:clocks/wall-clock@0.2.0", clock)

    def close(self) -> None:
        """Closes the snapshot and gives up the rewrite, if they are open."""
        self._rewrite_abort()
        snapshot, self._snapshot = self._snapshot, None
        if snapshot is not None:
            asked(snapshot.close)

    def _define(self, root: Any, name: str, functions: dict[str, Callable[..., Any]]) -> None:
        with root.add_instance(name) as instance:
            for function, answer in functions.items():
                refusal = _append_error if function == "append" else _error
                instance.add_func(function, self._guarded(answer, refusal))

    def _guarded(
        self, function: Callable[..., Any], refusal: Callable[[StoreError], Any]
    ) -> Callable[..., Any]:
        """Makes a `StoreError` the answer of the import. Any other exception ends the instance."""

        def call(_store: object, *arguments: Any) -> Any:
            self._interrupts.check()
            try:
                return function(*arguments)
            except StoreError as error:
                return refusal(error)
            except OSError as error:
                return refusal(StoreError("failed", f"the store failed: {error}"))
            except Exception:
                raise
            except BaseException as error:
                self._interrupts.raised = error
                raise Stopped("the store was interrupted") from error

        return call

    def _now(self) -> Record:
        if self._clock is None:
            seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        else:
            # Kept apart, since their sum has more digits than a float.
            seconds, fraction = divmod(max(self._clock(), 0.0), 1)
            nanoseconds = int(fraction * 1e9)
        return record(seconds=int(seconds), nanoseconds=nanoseconds)

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
        most = max_bytes if self._ascii else min(max_bytes, _MOST_LINES)
        chunk = _checked(asked(self._opened().read, segment, _position(at), most))
        self._ascii = chunk.data.isascii()
        data, whole = payload.forward(chunk)
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


def _error(error: StoreError) -> Variant:
    return Variant(error.code, sayable(str(error)))


def _append_error(error: StoreError) -> Record:
    return record(error=_error(error), written=error.written or "unknown")


def _no_groups(*_arguments: Any) -> Variant:
    return Variant("unsupported", "this store has no consumer groups")


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
