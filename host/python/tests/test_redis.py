"""The backend with Redis Streams, compared with Papyra's own on the same streams of a real server, whose URL is in
``PAPYRA_REDIS_URL``. Runs with both versions of Papyra."""

from __future__ import annotations

import os
import time
import unittest
import uuid
from typing import Any

import redis
from given import NOW, event, fill
from papyra import Actor, ActorSystem
from papyra.persistence.backends.redis import RedisStreamsPersistence as Theirs
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.models import PersistenceRecoveryConfig, PersistenceRecoveryMode
from papyra_persistence import Engine, Failure
from papyra_persistence.backend.redis import (
    RedisConsumerGroupConfig,
    RedisStreamsConfig,
    RedisStreamsPersistence,
)

URL = os.environ["PAPYRA_REDIS_URL"]
ENGINE = Engine(os.environ["PAPYRA_ENGINE"])
LISTS = ("list_events", "list_audits", "list_dead_letters")
#: Not what `RESP3` makes of replies, which Papyra cannot read.
PAPYRAS = URL + "?protocol=2"


def consumer(name: str = "c", **options: Any) -> RedisConsumerGroupConfig:
    given = {"group": "g", "consumer": name, "block_ms": None, **options}
    return RedisConsumerGroupConfig(**given)


class RedisTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.system = f"s{uuid.uuid4().hex}"
        self.server = redis.Redis.from_url(URL, decode_responses=True, protocol=2)
        self.addCleanup(self.server.close)

    def key(self, stream: str) -> str:
        return f"papyra:{self.system}:{stream}"

    def config(self, url: str, **settings: Any) -> RedisStreamsConfig:
        return RedisStreamsConfig(url=url, system_id=self.system, **settings)

    def ours(self, policy: RetentionPolicy | None = None, *, settings: Any = (), **options: Any):
        config = self.config(URL, **dict(settings))
        backend = RedisStreamsPersistence(
            config, retention_policy=policy, engine=ENGINE, **options
        )
        self.addAsyncCleanup(backend.aclose)
        return backend

    def theirs(self, policy: RetentionPolicy | None = None, **settings: Any) -> Theirs:
        backend = Theirs(self.config(PAPYRAS, **settings), retention_policy=policy)
        self.addAsyncCleanup(backend.aclose)
        return backend

    async def same_lists(self, policy: RetentionPolicy | None = None) -> None:
        ours, theirs = self.ours(policy), self.theirs(policy)
        for name in LISTS:
            for options in ({}, {"limit": 3}, {"since": NOW + 5}, {"limit": 2, "since": NOW}):
                found = await getattr(ours, name)(**options)
                self.assertTrue(options or found, name)
                expected = await getattr(theirs, name)(**options)
                self.assertEqual(repr(found), repr(expected), f"{name} {options}")

    async def test_each_lists_what_either_wrote(self) -> None:
        self.assertEqual(await self.ours().list_events(), ())
        await fill(self.theirs())
        await self.same_lists()
        await fill(self.ours())
        await fill(self.theirs(), 3)
        await self.same_lists()
        await self.same_lists(RetentionPolicy(max_records=4))

    async def test_it_writes_the_texts_that_papyra_writes_and_counts_them(self) -> None:
        ours, theirs = self.ours(), self.theirs()
        for backend in (ours, theirs):
            await fill(backend)
        self.assertEqual(ours.metrics.snapshot(), theirs.metrics.snapshot())
        for stream in ("events", "audits", "dead_letters"):
            data = [fields["data"] for _, fields in self.server.xrange(self.key(stream))]
            self.assertEqual(data[: len(data) // 2], data[len(data) // 2 :])

    async def damage(self) -> None:
        await fill(self.theirs())
        self.server.xadd(self.key("events"), {"data": "{broken"})
        self.server.xadd(self.key("events"), {"data": "[1]", "more": "kept"})
        self.server.xadd(self.key("audits"), {"nodata": "1"})

    async def test_it_finds_the_anomalies_that_papyra_finds_where_papyra_does(self) -> None:
        self.assertFalse((await self.ours().scan()).has_anomalies)
        await self.damage()
        found, expected = await self.ours().scan(), await self.theirs().scan()

        def told(report: Any) -> list[tuple[str, str]]:
            return sorted((one.type.name, one.path) for one in report.anomalies)

        self.assertEqual(told(found), told(expected))
        self.assertEqual(len(found.anomalies), 3)
        self.assertEqual(found.backend, expected.backend)
        self.assertIn("entry", found.anomalies[0].detail)

    async def test_recovery_leaves_what_papyra_leaves_and_names_what_papyra_names(self) -> None:
        await self.damage()
        config = PersistenceRecoveryConfig(PersistenceRecoveryMode.QUARANTINE, "not used")
        reports, left = [], []
        for make in (self.ours, self.theirs):
            reports.append(await make().recover(config))
            left.append([await getattr(self.theirs(), name)() for name in LISTS])
            self.server.delete(*self.server.keys(self.key("*")))
            await self.damage()
        self.assertEqual(*map(repr, left))
        for name in ("repaired_files", "quarantined_files"):
            found, expected = (sorted(getattr(one, name)) for one in reports)
            self.assertEqual(found, expected)
            self.assertEqual(len(found), 2, name)

    async def test_what_recovery_removes_is_in_the_quarantine_as_it_was(self) -> None:
        await self.damage()
        wrong = self.server.xrange(self.key("events"))[-1]
        config = PersistenceRecoveryConfig(PersistenceRecoveryMode.QUARANTINE)
        report = await self.ours().recover(config)
        self.assertFalse((await self.theirs().scan()).has_anomalies)
        self.assertEqual(len(await self.theirs().list_events()), 10)
        kept = self.server.xrange(report.quarantined_files[0])[-1]
        self.assertEqual(kept[0], wrong[0])
        self.assertEqual(kept[1], {"source": self.key("events"), "id": wrong[0], **wrong[1]})

    async def test_compaction_leaves_what_papyra_lists_and_not_more_than_papyra(self) -> None:
        policy = RetentionPolicy(max_records=3)
        await fill(self.ours())
        expected = [await getattr(self.theirs(policy), name)() for name in LISTS]
        report = await self.ours(policy, settings={"approx_trim": False}).compact()
        self.assertEqual((report.backend, report.before_records, report.after_records), ("redis", 17, 9))
        found = [await getattr(self.theirs(), name)() for name in LISTS]
        self.assertEqual(repr(found), repr(expected))
        again = await self.theirs(policy, approx_trim=False).compact()
        self.assertEqual((again.before_records, again.after_records), (9, 9))

    async def test_compaction_spares_what_a_group_has_not_acknowledged(self) -> None:
        ours = self.ours(RetentionPolicy(max_records=1), settings={"approx_trim": False})
        await fill(ours)
        entries = await ours.consume(kind="events", cfg=consumer(count=5))
        await ours.ack(kind="events", group="g", ids=[one.id for one in entries[:2]])
        await ours.compact()
        left = [one["n"] for one in (e.data["payload"] for e in entries)][2:]
        again = await ours.consume(kind="events", cfg=consumer(), read_id="0")
        self.assertEqual([one.data["payload"]["n"] for one in again], left)

    async def test_lists_have_the_newest_records_however_many_there_are(self) -> None:
        ours = self.ours(settings={"max_read": 4})
        await fill(ours, 30)
        numbers = [one.payload["n"] for one in await ours.list_events(limit=3)]
        self.assertEqual(numbers, [27, 28, 29])
        self.assertEqual(len(await ours.list_events()), 30)

    async def test_groups_are_those_of_papyra(self) -> None:
        ours, theirs = self.ours(), self.theirs()
        await fill(ours)
        await ours.ensure_consumer_group(kind="events", group="g")
        await ours.ensure_consumer_group(kind="events", group="g")
        first = await ours.consume(kind="events", cfg=consumer("a", count=4))
        second = await theirs.consume(kind="events", cfg=consumer("b", count=4))
        numbers = [one.data["payload"]["n"] for one in (*first, *second)]
        self.assertEqual(numbers, list(range(8)))
        for name in ("a", "b"):
            options = {"kind": "events", "cfg": consumer(name), "read_id": "0"}
            self.assertEqual(await ours.consume(**options), await theirs.consume(**options))
        asked = {"kind": "events", "group": "g"}
        self.assertEqual(
            await ours.pending_summary(**asked), await theirs.pending_summary(**asked)
        )
        self.assertEqual(await ours.ack(**asked, ids=[one.id for one in second[:3]]), 3)
        self.assertEqual(await ours.ack(**asked, ids=[one.id for one in second[:3]]), 0)
        self.assertEqual((await theirs.pending_summary(**asked))["raw"]["pending"], 5)

    async def test_entries_are_claimed_as_by_papyra(self) -> None:
        ours, theirs = self.ours(), self.theirs()
        await fill(ours)
        ids = [one.id for one in await ours.consume(kind="events", cfg=consumer("a"))]
        given = {"kind": "events", "group": "g", "consumer": "b"}
        found = await ours.claim(**given, min_idle_ms=0, entry_ids=[*ids[:4], "1-1"])
        expected = await theirs.claim(**given, min_idle_ms=0, entry_ids=[*ids[:4], "1-1"])
        self.assertEqual(found, expected)
        self.assertEqual(len(found), 4)
        self.assertEqual(await ours.claim(**given, min_idle_ms=3_600_000, entry_ids=ids), [])
        self.assertEqual(await ours.claim(**given, min_idle_ms=0, entry_ids=[]), [])
        raw = (await ours.pending_summary(kind="events", group="g"))["raw"]
        self.assertEqual(
            raw["consumers"], [{"name": "a", "pending": 6}, {"name": "b", "pending": 4}]
        )

    async def test_an_entry_that_is_no_record_does_not_stay_pending_unseen(self) -> None:
        await self.damage()
        ours = self.ours()
        entries = await ours.consume(kind="events", cfg=consumer())
        self.assertEqual(len(entries), 10)
        await ours.ack(kind="events", group="g", ids=tuple(one.id for one in entries))
        raw = (await ours.pending_summary(kind="events", group="g"))["raw"]
        self.assertEqual(raw, {"pending": 0, "min": None, "max": None, "consumers": []})
        quarantine = self.key("quarantine:" + self.key("events").replace(":", "_"))
        self.assertEqual(len(self.server.xrange(quarantine)), 2)

    async def test_a_consumer_waits_as_long_as_it_is_told(self) -> None:
        ours = self.ours()
        for block_ms in (None, 0, 1):
            cfg = consumer(block_ms=block_ms)
            self.assertEqual(await ours.consume(kind="events", cfg=cfg), ())
        began = time.monotonic()
        self.assertEqual(await ours.consume(kind="events", cfg=consumer(block_ms=300)), ())
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    async def test_a_group_that_must_exist_is_not_made(self) -> None:
        await fill(self.ours(), 1)
        for make, error in ((self.ours, Failure), (self.theirs, redis.ResponseError)):
            with self.assertRaises(error):
                await make().consume(kind="events", cfg=consumer(ensure_group=False))
            with self.assertRaises(error):
                await make().pending_summary(kind="events", group="g")
            self.assertEqual(await make().ack(kind="events", group="g", ids=["1-1"]), 0)
            with self.assertRaisesRegex(ValueError, "Unknown stream kind: metrics"):
                await make().ack(kind="metrics", group="g", ids=["1-1"])

    async def test_after_closing_reads_work_and_records_are_refused(self) -> None:
        ours = self.ours()
        await fill(ours, 3)
        await ours.aclose()
        self.assertTrue(ours.closed)
        with self.assertLogs("papyra_persistence.backend"):
            await ours.record_event(event(9))
        self.assertEqual(len(await ours.list_events()), 3)

    async def test_a_server_that_is_gone_costs_records_that_are_counted(self) -> None:
        config = RedisStreamsConfig(url="redis://user:secret@127.0.0.1:1/0")
        ours = RedisStreamsPersistence(config, engine=ENGINE)
        with self.assertLogs("papyra_persistence.backend") as logs:
            await ours.record_event(event(1))
        self.assertNotIn("secret", "".join(logs.output))
        self.assertEqual((ours.metrics.write_errors, ours.metrics.records_written), (1, 0))
        for asked in (ours.scan, ours.compact, ours.recover, ours.list_events):
            with self.assertRaises(Exception) as raised:
                await asked()
            self.assertEqual(raised.exception.code, "unavailable", asked)

    async def test_an_actor_system_changes_one_line(self) -> None:
        class Echo(Actor):
            async def receive(self, message: object) -> object:
                return message

        async with ActorSystem(persistence=self.ours()) as system:
            self.assertEqual(await system.spawn(Echo).ask("hello"), "hello")
        events = await self.theirs().list_events()
        self.assertIn("ActorStarted", [one.event_type for one in events])


if __name__ == "__main__":
    unittest.main()
