"""Faults at bad moments: cancelled tasks, full disks, and writers without locks."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
import time
import unittest
from unittest import mock

import anyio.to_thread
from in_directory import FILES, InDirectory, line
from papyra_persistence import Failure
from papyra_persistence.backend import JournalPersistence
from papyra_persistence.writer import Writer


class SlowJournal:
    """Signals when a write begins, and is slow."""

    def __init__(self) -> None:
        self.seconds = 0.3
        self.batches: list[str] = []
        self.begun = threading.Event()

    def append_lines(self, lines: str) -> None:
        self.begun.set()
        time.sleep(self.seconds)
        self.batches.append(lines)


class CancelTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.journal = SlowJournal()
        self.writer = Writer(lambda: self.journal)

    async def cancelled(self, leader: asyncio.Task, other: asyncio.Task) -> None:
        leader.cancel()
        await asyncio.wait_for(other, 5)
        with self.assertRaises(asyncio.CancelledError):
            await asyncio.wait_for(leader, 5)
        self.assertEqual(self.journal.batches, ["b\nc\n"])
        await asyncio.wait_for(self.writer.drain(), 5)
        await asyncio.wait_for(self.writer.write("d\n"), 5)
        self.assertEqual(self.journal.batches, ["b\nc\n", "d\n"])

    async def started(self) -> list[asyncio.Task]:
        return [asyncio.create_task(self.writer.write(line)) for line in ("b\n", "c\n")]

    async def test_the_leader_of_a_batch_is_cancelled_during_the_write(self) -> None:
        tasks = await self.started()
        while not self.journal.begun.is_set():
            await asyncio.sleep(0.001)
        await self.cancelled(*tasks)

    async def test_the_leader_of_a_batch_is_cancelled_before_a_thread_is_free(self) -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        before, limiter.total_tokens = limiter.total_tokens, 1
        busy = asyncio.create_task(anyio.to_thread.run_sync(time.sleep, 0.3))
        await asyncio.sleep(0.05)
        try:
            tasks = await self.started()
            await asyncio.sleep(0.05)
            self.assertFalse(self.journal.begun.is_set())
            await self.cancelled(*tasks)
        finally:
            limiter.total_tokens = before
            await busy

    async def test_no_thread_can_be_had(self) -> None:
        self.journal.seconds = 0
        refused = mock.AsyncMock(side_effect=RuntimeError("can't start new thread"))
        with mock.patch("anyio.to_thread.run_sync", refused):
            for task in await self.started():
                await asyncio.wait_for(task, 5)
        self.assertEqual(self.journal.batches, ["b\nc\n"])


class LoopsTest(unittest.TestCase):
    def test_a_second_event_loop_is_refused_while_the_first_writes(self) -> None:
        written, refused = threading.Event(), []

        class Held(SlowJournal):
            def append_lines(self, lines: str) -> None:
                self.begun.set()
                written.wait(20)

        journal = Held()
        writer = Writer(lambda: journal)

        def second() -> None:
            journal.begun.wait(20)
            try:
                asyncio.run(asyncio.wait_for(writer.write("b\n"), 2))
            except BaseException as error:
                refused.append(error)
            written.set()

        thread = threading.Thread(target=second)
        thread.start()
        asyncio.run(writer.write("a\n"))
        thread.join()
        self.assertIsInstance(refused[0], RuntimeError)
        self.assertIn("another event loop", str(refused[0]))
        asyncio.run(writer.drain())


class DurableNameTest(InDirectory):
    def test_a_directory_that_could_not_be_synced_is_synced_by_the_next_append(self) -> None:
        journal = self.journal()
        failing = mock.Mock(side_effect=OSError(errno.EIO, "broken"))
        with mock.patch("papyra_persistence.disk._sync_dir", failing):
            self.assertEqual(self.code_of_append(journal), "failed")
        with mock.patch("papyra_persistence.disk._sync_dir", return_value=None) as synced:
            self.assertEqual(self.code_of_append(journal), "written")
            self.assertEqual(self.code_of_append(journal), "written")
        synced.assert_called_once()


class UnreadableTest(InDirectory):
    def test_a_record_that_python_cannot_read_does_not_hide_the_others(self) -> None:
        def sound(number: int) -> str:
            return json.dumps({"kind": "event", "timestamp": number, "payload": {"n": number}})

        deep = "[" * 100_000 + "]" * 100_000
        rows = [
            sound(1),
            '{"kind": "event", "timestamp": 2, "event_type": "long", "payload": %s}' % ("9" * 5000),
            '{"kind": "event", "timestamp": 3, "event_type": "deep", "payload": %s}' % deep,
            sound(4),
        ]
        self.path.write_text("\n".join(rows) + "\n")
        backend = JournalPersistence(self.path, engine=FILES)
        with self.assertLogs("papyra_persistence.records", "WARNING") as logs:
            found = asyncio.run(backend.list_events())
            newest = asyncio.run(backend.list_events(limit=2))
        self.assertEqual([one.payload["n"] for one in found], [1, 4])
        self.assertIn('"event_type": "long"', logs.output[0])
        self.assertIn('"event_type": "deep"', logs.output[1])
        self.assertEqual(newest, found, "they do not count towards the limit")


class MissingDirectoryTest(InDirectory):
    def test_an_append_says_that_its_directory_is_missing_or_makes_it(self) -> None:
        self.path = self.dir / "missing" / "events.ndjson"
        with self.assertRaisesRegex(Failure, "for want of its directory") as raised:
            self.journal().append_lines(line(1))
        self.assertEqual(raised.exception.code, "not-found")
        self.journal(create_parents=True).append_lines(line(1))
        self.assertEqual(self.content(), line(1))


class IdleTest(InDirectory):
    def test_an_idle_journal_has_no_snapshot_open(self) -> None:
        self.path.write_text(line(1) * 10_000)
        journal = self.journal()
        journal.scan()
        next(journal.query())
        opened = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
        self.assertNotIn(os.path.realpath(self.path), list(opened))
        self.assertEqual(journal.scan().records, 10_000)


if __name__ == "__main__":
    unittest.main()
