"""Consumer groups: those of Redis, one to one."""

from __future__ import annotations

from typing import Any

from ..errors import StoreError
from ..groups import (
    AutoClaimed,
    ConsumerInfo,
    ConsumerPending,
    Delivered,
    GroupInfo,
    PendingEntry,
    PendingFilter,
    PendingSummary,
)
from . import delivered, ids, replies, scripts
from .config import RedisConfig
from .failure import code, is_missing_key, store_error, unexpected
from .link import Link

_FETCH, _CLAIM = "fetch entries", "claim entries"
_LOOK = "look at pending entries"
#: Redis takes signed milliseconds.
_MAX_IDLE = (1 << 63) - 1


class RedisGroups:
    """The functions of a store for consumer groups."""

    config: RedisConfig
    link: Link

    def ensure_group(self, kind: str, group: str, start: str) -> bool:
        words = ("XGROUP", "CREATE", self.config.stream(kind), group, start, "MKSTREAM")
        try:
            self.link.call("make a consumer group", *words, repeat=False)
        except StoreError as error:
            if isinstance(error.__cause__, Exception) and code(error.__cause__) == "BUSYGROUP":
                return False
            raise
        return True

    def fetch(
        self, kind: str, group: str, consumer: str, after: str | None, count: int, wait: float | None
    ) -> Delivered:
        key = self.config.stream(kind)
        before = ("XREADGROUP", "GROUP", group, consumer, "COUNT", count)
        if after is not None:
            return self._fetch_pending(key, group, consumer, _id(after), before)
        fresh = ("STREAMS", key, ">")
        if wait == 0:
            reply = self.link.call(_FETCH, *before, *fresh, repeat=False)
        else:
            reply = self.link.wait(_FETCH, wait, before, fresh)
        return delivered.fetched(reply).delivered({}, others=1)

    def _fetch_pending(
        self, key: str, group: str, consumer: str, after: str, read: tuple[Any, ...]
    ) -> Delivered:
        # The same entries, with how often they have been delivered.
        look = ("XPENDING", key, group, f"({after}", "+", read[-1], consumer)
        replied = self.link.all(_FETCH, [(*read, "STREAMS", key, after), look])
        return delivered.fetched(replied[0]).delivered(delivered.counts(replied[1:]))

    def ack(self, kind: str, group: str, ids: list[str]) -> int:
        if not ids:
            return 0
        words = ("XACK", self.config.stream(kind), group, *ids)
        return replies.number(self.link.call("acknowledge entries", *words, repeat=False), "XACK")

    def summarize_pending(self, kind: str, group: str) -> PendingSummary:
        what = "XPENDING"
        reply = replies.items(self.link.call(_LOOK, what, self.config.stream(kind), group), what)
        if len(reply) != 4:
            raise unexpected(what)
        least, most = (None if one is None else replies.text(one, what) for one in reply[1:3])
        consumers = [
            ConsumerPending(replies.text(name, what), int(count))
            for name, count in replies.items(reply[3], what)
        ]
        return PendingSummary(replies.number(reply[0], what), least, most, consumers)

    def list_pending(self, kind: str, group: str, chosen: PendingFilter) -> list[PendingEntry]:
        words = ["XPENDING", self.config.stream(kind), group, "IDLE", _idle(chosen.min_idle_ms)]
        words += [chosen.start, chosen.end, chosen.count]
        if chosen.consumer is not None:
            words.append(chosen.consumer)
        return delivered.pending(self.link.call(_LOOK, *words))

    def claim(
        self, kind: str, group: str, consumer: str, min_idle_ms: int, ids: list[str]
    ) -> Delivered:
        key, wanted = self.config.stream(kind), [_id(one) for one in ids]
        if not wanted:
            return Delivered()
        take = ("XCLAIM", key, group, consumer, _idle(min_idle_ms), *wanted)
        replied = self.link.all(_CLAIM, [take, *_pending_each(key, group, wanted)])
        entries = delivered.listed(replied[0], "XCLAIM")
        there = entries.ids()
        missing = [one for one in wanted if one not in there and one not in entries.deleted]
        entries.deleted += self._gone(key, missing)
        return entries.delivered(delivered.counts(replied[1:]))

    def auto_claim(
        self, kind: str, group: str, consumer: str, min_idle_ms: int, start: str, count: int
    ) -> AutoClaimed:
        key, what = self.config.stream(kind), "XAUTOCLAIM"
        words = (what, key, group, consumer, _idle(min_idle_ms), _id(start), "COUNT", count)
        reply = replies.items(self.link.call(_CLAIM, *words, repeat=False), what)
        if len(reply) < 2:
            raise unexpected(what)
        entries = delivered.listed(reply[1], what)
        # Before version 7 Redis did not say.
        gone = replies.items(reply[2], what) if len(reply) > 2 else []
        entries.deleted += [replies.text(one, what) for one in gone]
        counts = self._counts(key, group, entries.ids())
        return AutoClaimed(entries.delivered(counts), replies.text(reply[0], what))

    def list_groups(self, kind: str) -> list[GroupInfo]:
        what = "XINFO"
        try:
            reply = self.link.call("list groups", what, "GROUPS", self.config.stream(kind))
        except StoreError as error:
            if isinstance(error.__cause__, Exception) and is_missing_key(error.__cause__):
                return []
            raise
        return [_group(replies.fields(one, what), what) for one in replies.items(reply, what)]

    def list_consumers(self, kind: str, group: str) -> list[ConsumerInfo]:
        what, key = "XINFO", self.config.stream(kind)
        reply = self.link.call("list the consumers of a group", what, "CONSUMERS", key, group)
        return [_consumer(replies.fields(one, what), what) for one in replies.items(reply, what)]

    def delete_group(self, kind: str, group: str) -> bool:
        doing, key = "delete a consumer group", self.config.stream(kind)
        there, gone = self.link.transact(
            doing, [("EXISTS", key), ("XGROUP", "DESTROY", key, group)]
        )
        if there == 0:
            return False
        if isinstance(gone, Exception):
            raise store_error(doing, self.link.location, gone) from gone
        return gone == 1

    def delete_consumer(self, kind: str, group: str, consumer: str) -> int:
        words = ("XGROUP", "DELCONSUMER", self.config.stream(kind), group, consumer)
        # Once more would report that nothing was pending.
        reply = self.link.call("delete a consumer", *words, repeat=False)
        return replies.number(reply, "XGROUP")

    def set_id(self, kind: str, group: str, id: str) -> None:
        doing, key = "move a consumer group", self.config.stream(kind)
        there, moved = self.link.transact(
            doing, [("EXISTS", key), ("XGROUP", "SETID", key, group, id)]
        )
        if there == 0:
            said = f"there is no stream {key}, so it has no consumer group {group!r}"
            raise StoreError("not-found", said)
        if isinstance(moved, Exception):
            raise store_error(doing, self.link.location, moved) from moved

    def quarantine_entry(self, kind: str, group: str, id: str, reason: str) -> None:
        key = self.config.stream(kind)
        call = scripts.quarantine(key, self.config.quarantine(key), group, _id(id), reason)
        # Once more copies it once more at worst; the entry is pending until the first is done.
        self.link.call("quarantine an entry", *call)

    def _counts(self, key: str, group: str, of: list[str]) -> dict[str, int]:
        """Returns how often these have been delivered, as far as that can be found out: delivered entries must
        not be lost over that."""
        try:
            return delivered.counts(self.link.all(_CLAIM, _pending_each(key, group, of))) if of else {}
        except StoreError:
            return {}

    def _gone(self, key: str, of: list[str]) -> list[str]:
        """Returns those that are no entries any more, as far as that can be found out."""
        try:
            found = self.link.all(_CLAIM, [("XRANGE", key, one, one) for one in of]) if of else []
        except StoreError:
            return []
        return [one for one, entries in zip(of, found, strict=True) if not entries]


def _pending_each(key: str, group: str, of: list[str]) -> list[tuple[Any, ...]]:
    return [("XPENDING", key, group, one, one, 1) for one in of]


def _id(text: str) -> str:
    """Returns an id that came out of the sandbox as Redis writes it."""
    found = ids.parse(text.encode(errors="replace"))
    if found is None:
        raise StoreError("failed", "an entry's id is two numbers, such as 1763700000123-0")
    return ids.written(found)


def _idle(millis: int) -> int:
    return min(millis, _MAX_IDLE)


def _group(fields: dict[bytes, Any], what: str) -> GroupInfo:
    lag = fields.get(b"lag")
    return GroupInfo(
        replies.text(fields.get(b"name"), what),
        replies.number(fields.get(b"consumers"), what),
        replies.number(fields.get(b"pending"), what),
        replies.text(fields.get(b"last-delivered-id"), what),
        lag if isinstance(lag, int) and lag >= 0 else None,
    )


def _consumer(fields: dict[bytes, Any], what: str) -> ConsumerInfo:
    # Since version 7.2, and -1 for one that was never handed anything.
    inactive = fields.get(b"inactive")
    return ConsumerInfo(
        replies.text(fields.get(b"name"), what),
        replies.number(fields.get(b"pending"), what),
        replies.number(fields.get(b"idle"), what),
        inactive if isinstance(inactive, int) and inactive >= 0 else None,
    )
