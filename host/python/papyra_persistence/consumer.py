"""Consuming records in groups."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wasmtime.component import Record, Variant

from . import forks
from .arguments import all_are, chosen, checked
from .engine import CONSUMER, Engine, Session
from .errors import Failure
from .groups import ConsumerInfo, GroupInfo, PendingEntry, PendingFilter, PendingSummary
from .journal import KINDS
from .store import Store
from .values import lowered, raised, record

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """Records handed to a consumer."""

    #: One JSON object per line: ``{"id":…,"deliveries":…,"record":…}``, in ascending order of ids.
    records: str
    count: int
    #: Entries that are not records. They were copied to the quarantine, and acknowledged.
    quarantined: list[str]
    #: Entries that were delivered too often, went to the dead letters, and were acknowledged.
    dead_lettered: list[str]
    #: Pending entries that no longer exist; they are acknowledged.
    deleted: list[str]
    #: The greatest id of all of them. `next` with ``own_pending`` continues after it.
    last: str | None
    #: For `claim_idle`: the id to continue with, or ``0-0`` at the end. For `claim`: the first of the ids that
    #: the call did not get to, if any.
    next: str
    #: The group did not exist and was created, starting after this id.
    made: str | None
    #: The failure that ended the call after it had been handed entries; those in no list are still pending.
    partial_failure: Failure | None


class Consumer(forks.OfOneProcess):
    """A consumer of a group. A record goes to one consumer of the group, and stays pending until it is acknowledged.
    It can come again after a crash, so the work must be idempotent. One thread at a time; others wait."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        kind: str,
        group: str,
        name: str,
        *,
        start: str = "0",
        resume: str | None = None,
        count: int = 100,
        max_deliveries: int = 0,
    ):
        """``engine``: made from ``papyra-engine.wasm``. ``start``: where a group begins that does not exist yet:
        ``0`` for all records, ``$`` for those appended from now on, or the last id to skip. ``resume``: the id up
        to which everything is acknowledged, where a group that has gone missing begins. ``count``: maximum number
        of entries per call. ``max_deliveries``: a record beyond it goes to the dead letters; 0: no maximum."""
        engine.check(store)
        self._start = lambda: engine.instantiate(store)
        self._kind, self.group, self.name = chosen("kind", kind, KINDS), group, name
        self._usual = record(
            kind=self._kind,
            group=group,
            consumer=name,
            start=start,
            resume=resume,
            count=count,
            wait=Variant("none"),
            max_deliveries=max_deliveries,
        )
        self._session: Session | None = None
        self._lock = threading.Lock()
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._session = None

    def next(self, *, wait: float | None = 0, own_pending: str | None = None) -> Batch:
        """Returns the next records, and waits for some that many seconds (``None``: for ever). Creates the group
        if it does not exist. ``own_pending``: those that this consumer has not acknowledged, after this id (``0``:
        all)."""
        waiting = Variant("forever")
        if wait is not None:
            millis = checked("wait_ms", int(wait * 1000))
            waiting = Variant("millis", millis) if millis else Variant("none")
        source = None if own_pending is None else own_pending
        return self._batch("next", self._subscription(waiting), source)

    def ack(self, ids: Sequence[str]) -> int:
        """Acknowledges records that are done. Returns the number that were pending."""
        return self._call("ack", self._kind, self.group, all_are("ids", ids, str))

    def claim(self, ids: Sequence[str], *, min_idle_ms: int = 0) -> Batch:
        """Takes over particular entries from another consumer."""
        given = all_are("ids", ids, str)
        return self._batch("claim", self._subscription(Variant("none")), checked("min_idle_ms", min_idle_ms), given)

    def claim_idle(self, *, min_idle_ms: int, start: str = "0-0") -> Batch:
        """Takes over entries that other consumers have left idle for at least this duration, from ``start`` on."""
        return self._batch("claim-idle", self._subscription(Variant("none")), checked("min_idle_ms", min_idle_ms), start)

    def summarize_pending(self) -> PendingSummary:
        """Summarizes the pending entries of the group."""
        return raised(PendingSummary, self._call("summarize-pending", self._kind, self.group))

    def list_pending(self, chosen: PendingFilter | None = None) -> list[PendingEntry]:
        """Lists pending entries of the group."""
        given = lowered(chosen or PendingFilter())
        found = self._call("list-pending", self._kind, self.group, given)
        return [raised(PendingEntry, one) for one in found]

    def list_groups(self) -> list[GroupInfo]:
        """Lists all groups of the kind."""
        return [raised(GroupInfo, one) for one in self._call("list-groups", self._kind)]

    def list_consumers(self) -> list[ConsumerInfo]:
        """Lists the consumers of the group."""
        found = self._call("list-consumers", self._kind, self.group)
        return [raised(ConsumerInfo, one) for one in found]

    def create_group(self, start: str = "0") -> bool:
        """Creates the group. Returns whether it was new."""
        return self._call("create-group", self._kind, self.group, start)

    def set_id(self, id: str) -> None:
        """Moves the position of the group: it continues after ``id``."""
        self._call("set-id", self._kind, self.group, id)

    def delete_group(self) -> bool:
        """Deletes the group with its position and its pending entries. Returns whether there was one."""
        return self._call("delete-group", self._kind, self.group)

    def delete_consumer(self) -> int:
        """Deletes this consumer. Returns the number of its pending entries, which nobody is handed again."""
        return self._call("delete-consumer", self._kind, self.group, self.name)

    def close(self) -> None:
        """Drops the instance. The next call makes a new one."""
        with self._lock:
            self._drop()

    def _subscription(self, wait: Variant) -> Record:
        subscription = Record()
        vars(subscription).update(vars(self._usual))
        subscription.wait = wait
        return subscription

    def _batch(self, name: str, *arguments: Any) -> Batch:
        found = self._call(name, *arguments)
        failed = getattr(found, "partial-failure")
        setattr(found, "partial-failure", None)
        batch = raised(Batch, found)
        if failed is None:
            return batch
        where = failed.segment, failed.line
        failure = Failure(failed.code, failed.message, *where, failed.retryable, failed.written)
        return Batch(**{**vars(batch), "partial_failure": failure})

    def _call(self, name: str, *arguments: Any) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._start()
            try:
                return self._session.call(name, *arguments, interface=CONSUMER)
            except Failure:
                raise
            except BaseException:
                # An instance cannot be trusted after a trap, or after an exception thrown through it.
                self._drop()
                raise

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
