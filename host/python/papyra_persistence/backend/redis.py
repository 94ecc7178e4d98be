"""Redis Streams, with the interface of Papyra's ``RedisStreamsPersistence``. Needs redis-py."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from papyra.persistence.backends.redis import (
    RedisConsumerGroupConfig,
    RedisStreamEntry,
    RedisStreamsConfig,
)
from papyra.persistence.backends.retention import RetentionPolicy

from ..consumer import Batch, Consumer
from ..engine import Engine
from ..journal import Journal
from ..redis import RedisConfig, RedisStore
from ..redis.config import STREAMS
from ..reports import Finding, KindLimits, Recovery, Retention
from .base import Backend, in_thread
from .component import Lazy

__all__ = [
    "RedisConsumerGroupConfig",
    "RedisStreamEntry",
    "RedisStreamsConfig",
    "RedisStreamsPersistence",
]

T = TypeVar("T")

_LOG = logging.getLogger(__package__)
#: Characters of an unreadable entry that the log shows.
_SHOWN = 100
#: Papyra's names of the streams that it has, and the kinds in them.
_KINDS = {"events": "event", "audits": "audit", "dead_letters": "dead_letter"}


class RedisStreamsPersistence(Backend):
    """Papyra's records in Redis Streams, kept by the engine: the same keys and entries, and the same consumer
    groups."""

    def __init__(
        self,
        config: RedisStreamsConfig | None = None,
        *,
        retention_policy: RetentionPolicy | None = None,
        engine: str | os.PathLike[str] | Engine | None = None,
        strict: bool = False,
        raise_on_write_error: bool = False,
        allow_loss: bool = False,
        allow_expire_all: bool = False,
    ):
        """``config``: as for Papyra. Scans read everything, whatever ``scan_sample_size``, and lists return the
        newest records, of any number: ``max_read`` is the most that one request asks for. ``retention_policy``
        limits each stream by itself, as Papyra's does.

        ``engine``: an `Engine`, or the path of ``papyra-engine.wasm``; by default the one in this package. The other arguments are those of `JournalPersistence`. Connects when it is
        first used."""
        given = config or RedisStreamsConfig()
        self._store = RedisStore(
            RedisConfig(
                url=given.url,
                prefix=given.prefix,
                system_id=given.system_id,
                max_read=given.max_read,
                approx_trim=given.approx_trim,
                quarantine_prefix=given.quarantine_prefix,
            )
        )
        super().__init__(
            "redis",
            self._store.describe().location,
            retention_policy,
            strict=strict,
            raise_on_write_error=raise_on_write_error,
            allow_loss=allow_loss,
            allow_expire_all=allow_expire_all,
        )
        each = self._limits.journal
        self._limits = Retention(per_kind=[KindLimits(kind, each) for kind in STREAMS])
        self._engine = Lazy(engine, self._store)

    async def ensure_consumer_group(self, *, kind: str, group: str, start_id: str = "0") -> None:
        """Creates a consumer group after this id, unless it exists."""
        await self._consumer(kind, group, "", lambda one: one.create_group(start_id))

    async def consume(
        self, *, kind: str, cfg: RedisConsumerGroupConfig, read_id: str = ">"
    ) -> tuple[RedisStreamEntry, ...]:
        """Returns the next records for a consumer, which stay pending until `ack`; or, with another ``read_id``
        than ``>``, those after it that the consumer has not acknowledged.

        ``block_ms=0`` does not wait, and neither does ``None``. Entries that are no records go to the quarantine
        instead of staying pending unseen."""
        wait = (cfg.block_ms or 0) / 1000

        def work(consumer: Consumer) -> Batch:
            if not cfg.ensure_group:
                consumer.summarize_pending()  # Fails if there is none: `next` would make one.
            if read_id == ">":
                return consumer.next(wait=wait)
            return consumer.next(own_pending=read_id)

        options = {"start": cfg.start_id, "count": cfg.count}
        return tuple(_entries(await self._consumer(kind, cfg.group, cfg.consumer, work, **options)))

    async def claim(
        self, kind: str, *, group: str, consumer: str, min_idle_ms: int, entry_ids: list[str]
    ) -> list[RedisStreamEntry]:
        """Takes over those of these entries that have been idle for at least this duration."""

        def work(one: Consumer) -> list[RedisStreamEntry]:
            claimed: list[RedisStreamEntry] = []
            left: Sequence[str] = list(entry_ids)
            while left:
                batch = one.claim(left, min_idle_ms=min_idle_ms)
                claimed += _entries(batch)
                # An answer has a maximum size; the rest comes with the next one.
                left = left[left.index(batch.next) :] if batch.next in left[1:] else ()
            return claimed

        return await self._consumer(kind, group, consumer, work)

    async def ack(self, *, kind: str, group: str, ids: list[str] | tuple[str, ...]) -> int:
        """Acknowledges records that are done. Returns the number that were pending."""
        return await self._consumer(kind, group, "", lambda one: one.ack(ids) if ids else 0)

    async def pending_summary(self, *, kind: str, group: str) -> dict[str, Any]:
        """Returns how many entries are pending, their least and greatest id, and the number of each consumer."""
        found = await self._consumer(kind, group, "", Consumer.summarize_pending)
        consumers = [{"name": one.consumer, "pending": one.count} for one in found.consumers]
        raw = {"pending": found.count, "min": found.min, "max": found.max, "consumers": consumers}
        return {"raw": raw}

    async def aclose(self) -> None:
        """Waits for the writes in progress and refuses further ones. Reads still work, on new connections."""
        await super().aclose()
        await in_thread(self._store.close)

    async def _consumer(
        self, kind: str, group: str, name: str, work: Callable[[Consumer], T], **options: Any
    ) -> T:
        """Runs ``work`` in a thread, on an instance of its own."""
        if kind not in _KINDS:
            raise ValueError(f"Unknown stream kind: {kind}")

        def run() -> T:
            engine = self._engine.get()
            consumer = Consumer(engine, self._store, _KINDS[kind], group, name, **options)
            try:
                return work(consumer)
            finally:
                consumer.close()

        return await in_thread(run)

    def _journal(self, retention: Retention, quarantine_dir: str | None = None) -> Journal:
        return Journal(self._engine.get(), self._store, retention)

    def _exists(self) -> bool:
        return self._store.exists()

    def _path_of(self, finding: Finding) -> str:
        return finding.segment

    def _repaired(self, done: Recovery) -> tuple[str, ...]:
        return tuple(done.rewritten)

    def _size(self, line: str) -> int:
        # The line end is not stored.
        return super()._size(line) - 1


def _entries(batch: Batch) -> list[RedisStreamEntry]:
    if batch.partial_failure is not None and batch.count == 0:
        raise batch.partial_failure
    entries = []
    # Not `splitlines`, which also splits at U+2028 and the like.
    for line in filter(None, batch.records.split("\n")):
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            # Numbers with too many digits, or too deep nesting. The other entries have been delivered as well.
            said = "an entry cannot be read by Python and stays pending: %s; it begins with %s"
            _LOG.warning(said, error, line[:_SHOWN])
            continue
        entries.append(RedisStreamEntry(id=one["id"], data=one["record"]))
    return entries
