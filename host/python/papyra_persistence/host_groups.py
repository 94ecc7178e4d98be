"""The imports of the engine for consumer groups, implemented over one store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasmtime.component import Record, Variant

from .errors import StoreError
from .groups import Delivered, Groups, PendingFilter
from .store import Store
from .values import lowered, record

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
Asked = Callable[..., Any]


def functions(store: Store, asked: Asked) -> dict[str, dict[str, Callable[..., Any]]]:
    """Returns the functions of the interfaces ``groups`` and ``claims``."""
    reach = _Reach(store, asked) if isinstance(store, Groups) else None

    def named(names: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
        return {name: reach.function(name) if reach else _no_groups for name in names}

    return {"groups": named(_GROUPS), "claims": named(_CLAIMS)}


def _no_groups(*_arguments: Any) -> Variant:
    return Variant("unsupported", "this store has no consumer groups")


class _Reach:
    """The groups of a store, as the engine asks for them."""

    def __init__(self, store: Groups, asked: Asked):
        self._store, self._asked = store, asked

    def function(self, name: str) -> Callable[..., Any]:
        """Returns the function of this name in the contract."""
        own = getattr(self, "_" + name.replace("-", "_"), None)
        method = getattr(self._store, name.replace("-", "_"), None)

        def answer(kind: str, partition: int | None, *arguments: Any) -> Any:
            if partition is not None:
                raise StoreError("not-found", "this store divides no kind into partitions")
            kind = kind.replace("-", "_")
            return own(kind, *arguments) if own else lowered(self._asked(method, kind, *arguments))

        return answer

    def _fetch(
        self, kind: str, group: str, consumer: str, source: Any, count: int, wait: Any
    ) -> Record:
        after = _payload(source, "own-pending")
        millis = _payload(wait, "millis")
        seconds = 0.0 if millis is None else millis / 1000
        forever = isinstance(wait, Variant) and wait.tag == "forever"
        given = (kind, group, consumer, after, count, None if forever else seconds)
        return _delivered(self._asked(self._store.fetch, *given))

    def _list_pending(self, kind: str, group: str, chosen: Record) -> list[Record]:
        names = ("start", "end", "count", "min_idle_ms", "consumer")
        values = (getattr(chosen, name.replace("_", "-")) for name in names)
        return lowered(
            self._asked(self._store.list_pending, kind, group, PendingFilter(*values))
        )

    def _claim(self, kind: str, *arguments: Any) -> Record:
        return _delivered(self._asked(self._store.claim, kind, *arguments))

    def _auto_claim(self, kind: str, *arguments: Any) -> Record:
        done = self._asked(self._store.auto_claim, kind, *arguments)
        return record(entries=_delivered(done.entries), next=done.next)

    def _quarantine(self, kind: str, *arguments: Any) -> None:
        self._asked(self._store.quarantine_entry, kind, *arguments)


def _payload(value: Any, case: str) -> Any:
    """Returns what a case of a variant has in it; ``None`` for the other cases. wasmtime tags a variant only where
    its cases would otherwise look alike."""
    if isinstance(value, Variant):
        return value.payload if value.tag == case else None
    return value


def _delivered(found: Delivered) -> Record:
    data: str | bytes = found.data
    try:
        data = found.data.decode()
    except UnicodeDecodeError:
        pass  # Slow, but frames cannot be split without another call of the store.
    return record(data=data, frames=lowered(found.frames), deleted=found.deleted)
