"""The store in Redis Streams on a real server, whose URL is in ``PAPYRA_REDIS_URL``, and the consumers of its groups."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import socket
import threading
import unittest
import uuid
from pathlib import Path
from typing import Any

import redis
from papyra_persistence import Draft, Engine, Failure, Journal, Limits, Retention, StoreError
from papyra_persistence.consumer import Batch, Consumer
from papyra_persistence.redis import RedisConfig, RedisStore
from papyra_persistence.redis.ids import LAST, Shift, after, before, parse, written
from papyra_persistence.store import Edit, Position

URL = os.environ["PAPYRA_REDIS_URL"]
ENGINE = Engine(os.environ["PAPYRA_ENGINE"])


def line(number: int, kind: str = "event") -> str:
    return f'{{"kind": "{kind}", "timestamp": 1760000000, "n": {number}}}\n'


def lines(*numbers: int, kind: str = "event") -> str:
    return "".join(line(number, kind) for number in numbers)


def found(batch: Batch) -> list[int]:
    return [json.loads(one)["record"]["n"] for one in batch.records.splitlines()]


def appended_by_a_child(store: RedisStore) -> None:
    store.append(line(1), [("event", 1)])


class Cut:
    """A server in between, which passes on what it is given and hangs up when a command of this name has been sent,
    before or after the server has it; for so many times."""

    def __init__(self, word: bytes, *, delivers: bool, times: int = 1_000):
        self._word, self._delivers, self._times, self.cuts = word, delivers, times, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            parts = redis.connection.parse_url(URL)
            server = socket.create_connection((parts["host"], parts["port"]))
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()
            threading.Thread(target=self._forth, args=(client, server), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        while data := client.recv(1 << 16):
            if self._word in data and self.cuts < self._times:
                self.cuts += 1
                client.shutdown(socket.SHUT_RDWR)
                if self._delivers:
                    server.sendall(data)
                return
            server.sendall(data)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(1 << 16):
                client.sendall(data)
        except OSError:
            pass


class StoreTest(unittest.TestCase):
    def setUp(self) -> None:
        self.config = {"url": URL, "system_id": f"t{uuid.uuid4().hex}"}
        self.server = redis.Redis.from_url(URL, decode_responses=True)
        self.store = self.opened()
        self.addCleanup(self.server.close)
        self.events = self.store.config.stream("event")

    def opened(self, **config: Any) -> RedisStore:
        store = RedisStore(RedisConfig(**{**self.config, **config}))
        self.addCleanup(store.close)
        return store

    def journal(self, store: RedisStore | None = None, limits: Limits | None = None) -> Journal:
        return Journal(ENGINE, store or self.store, Retention(limits or Limits()))

    def consumer(self, name: str = "c", **options: Any) -> Consumer:
        return Consumer(ENGINE, self.store, "event", "g", name, **options)

    def numbers(self, **options: Any) -> list[int]:
        pages = self.journal(self.opened(**options)).query()
        return [json.loads(one)["n"] for page in pages for one in page.records.splitlines()]

    def test_what_is_appended_is_read_in_order_whatever_the_kinds_and_pages(self) -> None:
        journal = self.journal()
        kinds = ("event", "audit", "event", "metric", "dead_letter", "event")
        for start in range(0, 60, 6):
            batch = (line(start + at, kind) for at, kind in enumerate(kinds))
            journal.append_lines("".join(batch))
        for max_read in (1, 7, 50_000):
            self.assertEqual(self.numbers(max_read=max_read), list(range(60)))
        newest = next(journal.query(limit=5, newest_first=True))
        self.assertEqual([json.loads(one)["n"] for one in newest.records.splitlines()], [59, 58, 57, 56, 55])

    def test_large_records_and_bytes_that_are_no_text_cross(self) -> None:
        text = "é" * (3 << 20)
        self.journal().append([Draft("event", json.dumps({"n": 1, "text": text}, ensure_ascii=False))])
        self.server.xadd(self.events, {"data": b"\xff\xfe"})
        self.server.xadd(self.events, {"other": "field"})
        report = self.journal().scan()
        self.assertEqual((report.records, report.damaged), (1, 2))
        self.assertEqual([one.anomaly for one in report.findings], ["invalid_utf8", "missing_data"])
        self.assertEqual(self.journal().recover(record_audit=False).removed_entries, 2)
        self.server.execute_command("XADD", self.events, "*", "data", line(2).strip(), "data", "x")
        self.assertEqual(self.numbers(), [1, 2], "of several fields the first counts")

    def test_a_batch_that_fails_in_part_is_taken_back(self) -> None:
        self.server.set(self.store.config.stream("audit"), "not a stream")
        with self.assertRaises(Failure) as raised:
            self.journal().append_lines(lines(1, 2) + line(3, "audit"))
        self.assertEqual((raised.exception.code, raised.exception.written), ("corrupt", "none"))
        self.assertEqual(self.server.xlen(self.events), 0)

    def test_an_append_says_what_it_knows_of_a_connection_that_broke(self) -> None:
        with self.assertRaises(Failure) as raised:
            self.journal(self.opened(url="redis://127.0.0.1:1/0")).append_lines(line(1))
        self.assertEqual((raised.exception.code, raised.exception.written), ("unavailable", "none"))
        for delivers in (False, True):
            cut = Cut(b"XADD", delivers=delivers)
            store = self.opened(url=f"redis://127.0.0.1:{cut.port}/0", timeout=5)
            before = self.server.xlen(self.events)
            with self.assertRaises(Failure) as raised:
                self.journal(store).append_lines(lines(1, 2))
            failure = raised.exception
            self.assertEqual((failure.code, failure.written), ("unavailable", "unknown"))
            self.assertEqual(cut.cuts, 1, "nothing is sent twice")
            self.assertTrue(failure.retryable)
            if not delivers:
                self.assertEqual(self.server.xlen(self.events), before)

    def test_a_server_that_is_full_or_forbids_it_refuses_with_advice(self) -> None:
        self.journal().append_lines(line(1))
        self.server.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@read"])
        self.addCleanup(self.server.acl_deluser, "reader")
        address = URL.removeprefix("redis://")
        reader = self.journal(self.opened(url=f"redis://reader:pw@{address}"))
        self.assertEqual(next(reader.query()).count, 1)
        self.server.config_set("maxmemory", 1)
        self.addCleanup(self.server.config_set, "maxmemory", 0)
        refusals = {
            "full": self.journal(),
            "denied": reader,
            "unavailable": self.journal(self.opened(url="redis://127.0.0.1:1/0")),
        }
        for code, journal in refusals.items():
            with self.assertRaises(Failure) as raised:
                journal.append_lines(line(2))
            self.assertEqual((raised.exception.code, raised.exception.written), (code, "none"))
        wrong = self.journal(self.opened(url=f"redis://reader:wrong@{address}"))
        with self.assertRaises(Failure) as raised:
            wrong.scan()
        self.assertEqual(raised.exception.code, "denied")
        self.assertNotIn("wrong", str(raised.exception).replace("is wrong", ""))
        self.assertEqual(self.numbers(), [1])

    def test_a_read_goes_on_after_a_connection_that_broke(self) -> None:
        self.journal().append_lines(lines(1, 2))
        journal = self.journal()
        self.assertEqual(journal.scan().records, 2)
        self.server.client_kill_filter(_type="normal", skipme=True)
        self.assertEqual(journal.scan().records, 2)
        self.server.client_kill_filter(_type="normal", skipme=True)
        journal.append_lines(line(3))
        self.assertEqual(self.numbers(), [1, 2, 3])
        cut = Cut(b"XRANGE", delivers=False, times=1)
        through = self.journal(self.opened(url=f"redis://127.0.0.1:{cut.port}/0"))
        self.assertEqual((through.scan().records, cut.cuts), (3, 1))

    def test_compaction_keeps_the_newest_and_removes_single_entries_too(self) -> None:
        self.journal().append_lines(lines(*range(40)) + lines(*range(40, 60), kind="audit"))
        exact = self.opened(approx_trim=False)
        done = self.journal(exact, Limits(max_records=15)).compact(record_audit=False)
        self.assertEqual((done.records_before, done.records_after), (60, 15))
        self.assertEqual(self.numbers(), list(range(45, 60)))
        self.server.xadd(self.events, {"data": "broken"})
        self.journal().append_lines(line(60))
        done = self.journal(exact).recover("quarantine", record_audit=False)
        self.assertEqual(done.removed_entries, 1)
        kept = self.server.xrange(done.quarantine[0])
        self.assertEqual([fields["data"] for _, fields in kept], ["broken"])

    def test_compaction_spares_what_groups_need_unless_forced(self) -> None:
        self.journal().append_lines(lines(*range(10)))
        ids = [json.loads(one)["id"] for one in self.consumer(count=5).next().records.splitlines()]
        self.consumer().ack(ids[:3])
        journal = self.journal(self.opened(approx_trim=False), Limits(max_records=2))
        self.assertEqual(journal.compact(record_audit=False).pinned_kept, 5)
        self.assertEqual(self.numbers(), list(range(3, 10)))
        journal.compact(record_audit=False, force=True)
        self.assertEqual(self.numbers(), [8, 9])
        self.assertEqual(len(self.consumer().next(own_pending="0").deleted), 2)

    def test_a_group_that_comes_during_a_compaction_loses_nothing(self) -> None:
        self.store.append(lines(1, 2, 3), [("event", 3)])
        for purpose, left in (("compact", 3), ("recover", 0)):
            snapshot = self.store.snapshot()
            rewrite = snapshot.rewrite(self.events, purpose, False, False)
            segment = snapshot.segments[0]
            rewrite.edit([Edit(segment.start, segment.end)])
            self.store.ensure_group("event", "late", "0")
            self.assertEqual(rewrite.commit().removed_entries, 3 - left)
            self.assertEqual(self.server.xlen(self.events), left)

    def test_another_rewrite_of_the_same_store_is_refused(self) -> None:
        self.journal().append_lines(line(1))
        snapshot = self.store.snapshot()
        first = snapshot.rewrite(self.events, "recover", False, False)
        with self.assertRaises(StoreError) as raised:
            snapshot.rewrite(self.events, "recover", False, False)
        self.assertEqual(raised.exception.code, "locked")
        first.abort()
        first.abort()
        snapshot.rewrite(self.events, "recover", False, False).commit()

    def test_an_index_is_kept_beside_the_streams(self) -> None:
        journal = self.journal()
        journal.append_lines(lines(*range(100)))
        journal.index()
        self.assertGreater(journal.startup_check().indexed_bytes, 0)
        journal.drop_index()
        self.assertEqual(self.server.exists(self.store.config.index), 0)
        self.server.rpush(self.store.config.index, "another's")
        with self.assertRaises(Failure) as raised:
            journal.index()
        self.assertEqual(raised.exception.code, "corrupt")

    def test_consumers_share_a_group_and_take_over_from_each_other(self) -> None:
        self.journal().append_lines(lines(*range(6)))
        one, other = self.consumer("one", count=2), self.consumer("other", count=10)
        self.assertEqual((found(one.next()), found(other.next())), ([0, 1], [2, 3, 4, 5]))
        pending = one.summarize_pending()
        self.assertEqual({each.consumer: each.count for each in pending.consumers}, {"one": 2, "other": 4})
        self.assertEqual([each.consumer for each in one.list_pending()][:3], ["one", "one", "other"])
        ids = [each.id for each in one.list_pending()]
        self.assertEqual(found(other.claim(ids[:1])), [0])
        self.server.xadd(self.events, {"data": line(9).strip()}, "99999999999999-1")
        other.next()
        self.server.xdel(self.events, "99999999999999-1")
        self.assertEqual(one.claim(["99999999999999-1"]).deleted, ["99999999999999-1"])
        self.assertEqual(found(other.claim_idle(min_idle_ms=0)), [0, 1, 2, 3, 4, 5])
        self.assertEqual(other.claim_idle(min_idle_ms=3_600_000).next, "0-0")
        self.assertEqual(found(other.next(own_pending=ids[3])), [4, 5])
        again = other.next(own_pending="0").records.splitlines()
        deliveries = [json.loads(each)["deliveries"] for each in again]
        self.assertEqual(deliveries, [4, 3, 3, 3, 4, 4], "once more for each time it was claimed or fetched")
        self.assertEqual(other.ack(ids), 6)
        self.assertEqual(sorted(each.name for each in one.list_consumers()), ["one", "other"])
        self.assertEqual([(each.name, each.pending, each.lag) for each in one.list_groups()], [("g", 0, 0)])
        one.set_id(ids[3])
        self.assertEqual(found(one.next()), [4, 5])
        self.assertEqual(one.delete_consumer(), 2)
        self.assertTrue(one.delete_group())
        self.assertFalse(one.delete_group())
        self.assertEqual(one.list_groups(), [])
        self.assertTrue(one.create_group("$"))
        self.assertFalse(one.create_group())
        self.assertEqual(one.next(wait=0.05).count, 0)

    def test_entries_that_are_no_records_or_come_too_often_are_put_away(self) -> None:
        self.journal().append_lines(line(1))
        self.server.xadd(self.events, {"data": b"\xff", "more": "kept"})
        consumer = self.consumer(max_deliveries=2)
        batch = consumer.next()
        self.assertEqual((found(batch), len(batch.quarantined)), ([1], 1))
        quarantine = self.store.config.quarantine(self.events)
        fields = redis.Redis.from_url(URL).xrange(quarantine)[0][1]
        self.assertEqual((fields[b"data"], fields[b"more"]), (b"\xff", b"kept"))
        self.assertEqual(found(consumer.next(own_pending="0")), [1])
        self.assertEqual(len(consumer.next(own_pending="0").dead_lettered), 1)
        self.assertEqual(consumer.summarize_pending().count, 0)
        self.assertEqual(self.server.xlen(self.store.config.stream("dead_letter")), 1)

    def test_a_consumer_that_waits_is_given_what_comes(self) -> None:
        consumer = self.consumer()
        consumer.create_group()
        later = threading.Timer(0.2, lambda: self.journal().append_lines(line(7)))
        later.start()
        self.assertEqual(found(consumer.next(wait=None)), [7])
        later.join()

    def test_what_is_missing_is_said(self) -> None:
        with self.assertRaises(Failure) as raised:
            self.journal().scan()
        self.assertEqual(raised.exception.code, "not-found")
        self.assertIn("check prefix and system_id", str(raised.exception))
        for asked in (self.consumer().summarize_pending, self.consumer().list_consumers):
            with self.assertRaises(Failure) as raised:
                asked()
            self.assertEqual(raised.exception.code, "not-found")

    def test_what_is_not_supported_is_refused(self) -> None:
        for url in ("redis+cluster://localhost:1", "redis+sentinel://localhost:1/m", "localhost", "redis+unix:/x"):
            with self.assertRaisesRegex(ValueError, "need the Rust library"):
                RedisConfig(url=url)
        for wrong in ({"max_read": 0}, {"timeout": 0}):
            with self.assertRaisesRegex(ValueError, "greater than 0"):
                RedisConfig(**wrong)
        with self.assertRaisesRegex(TypeError, "papyra-engine.wasm"):
            Consumer(Engine(os.environ["PAPYRA_PYTHON"]), self.store, "event", "g", "c")
        with self.assertRaisesRegex(TypeError, "belongs to its process"):
            pickle.dumps(self.store)

    def test_the_location_has_no_secrets(self) -> None:
        store = self.opened(url="redis://ann:secret@localhost:6400/3", prefix="p", system_id="s")
        self.assertEqual(store.describe().location, "redis://localhost:6400/3?prefix=p&system_id=s")

    def test_a_forked_child_has_connections_of_its_own(self) -> None:
        self.store.append(line(0), [("event", 1)])
        child = multiprocessing.get_context("fork").Process(target=appended_by_a_child, args=(self.store,))
        child.start()
        child.join()
        self.assertEqual(child.exitcode, 0)
        self.store.append(line(2), [("event", 1)])
        self.assertEqual(self.numbers(), [0, 1, 2])

    def test_the_last_possible_id_is_read_and_removed(self) -> None:
        most = str((1 << 64) - 1)
        for at, number in ((f"{most}-{int(most) - 1}", 1), (f"{most}-{most}", 2)):
            self.server.xadd(self.events, {"data": line(number).strip()}, at)
        self.assertEqual(self.numbers(), [1, 2])
        exact = self.opened(approx_trim=False)
        self.journal(exact, Limits(max_records=1)).compact(record_audit=False)
        self.assertEqual(self.numbers(), [2])
        self.journal(exact, Limits(max_records=0)).compact(record_audit=False)
        self.assertEqual(self.server.xlen(self.events), 0)

    def test_ids_are_positions(self) -> None:
        for text in (b"0-0", b"1763700000123-7", b"18446744073709551615-18446744073709551615"):
            self.assertEqual(written(parse(text)).encode(), text)
        self.assertEqual(parse(b"12"), Position(12, 0))
        for text in (b"", b"-", b"1-", b"-1", b"a-1", b"+1-1", b"1-1-1", b"18446744073709551616-0", "1-1"):
            self.assertIsNone(parse(text), text)
        self.assertEqual(after(Position(4, LAST.minor)), Position(5, 0))
        self.assertEqual(before(Position(5, 0)), Position(4, LAST.minor))
        self.assertTrue(Shift([Position(5, 0)]).is_none)

    def test_the_scripts_are_those_of_the_rust_host(self) -> None:
        ours = Path(__file__).parent.parent / "papyra_persistence/redis/scripts"
        theirs = Path(__file__).parent.parent.parent / "src/store/redis/scripts"
        names = sorted(one.name for one in ours.iterdir())
        self.assertGreater(len(names), 6)
        for name in names:
            self.assertEqual((ours / name).read_bytes(), (theirs / name).read_bytes(), name)


if __name__ == "__main__":
    unittest.main()
