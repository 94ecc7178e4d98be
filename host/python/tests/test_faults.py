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
from in_directory import InDirectory
from papyra_persistence import Engine, FileStore, Journal, StoreError
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


class TakeBackTest(InDirectory):
    def append_short(self, behind: bytes) -> None:
        """Appends until the disk is full half-way, while another program writes behind the part."""
        write = os.write

        def short(fd: int, data: bytes) -> int:
            if len(data) < len(b"a long line\n"):
                with self.path.open("ab", buffering=0) as other:
                    other.write(behind)
                raise OSError(errno.ENOSPC, "no space")
            return write(fd, bytes(data)[:4])

        with mock.patch("os.write", short), self.assertRaises(StoreError) as raised:
            self.store().append("a long line\n", [])
        self.assertEqual(raised.exception.code, "full")

    def test_a_short_write_is_cut_off_again(self) -> None:
        self.path.write_text("first\n")
        self.append_short(b"")
        self.assertEqual(self.path.read_text(), "first\n")

    def test_what_others_wrote_behind_a_short_write_stays(self) -> None:
        self.path.write_text("first\n")
        self.append_short(b"\nx\n")
        self.assertEqual(self.path.read_text(), "first\na lo\nx\n")


class DurableNameTest(InDirectory):
    def test_a_directory_that_could_not_be_synced_is_synced_by_the_next_append(self) -> None:
        store = self.store()
        failing = mock.Mock(side_effect=OSError(errno.EIO, "broken"))
        with mock.patch("papyra_persistence.file.sync_dir", failing):
            self.assertEqual(self.code_of_append(store), "failed")
        with mock.patch("papyra_persistence.file.sync_dir") as synced:
            self.assertEqual(self.code_of_append(store), "written")
            self.assertEqual(self.code_of_append(store), "written")
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
        backend = JournalPersistence(self.path, engine=Engine(os.environ["PAPYRA_ENGINE"]))
        with self.assertLogs("papyra_persistence.records", "WARNING") as logs:
            found = asyncio.run(backend.list_events())
            newest = asyncio.run(backend.list_events(limit=2))
        self.assertEqual([one.payload["n"] for one in found], [1, 4])
        self.assertIn('"event_type": "long"', logs.output[0])
        self.assertIn('"event_type": "deep"', logs.output[1])
        self.assertEqual(newest, found, "they do not count towards the limit")


class MissingDirectoryTest(InDirectory):
    def test_an_append_says_how_its_directory_can_be_made(self) -> None:
        path = self.dir / "missing" / "events.ndjson"
        with self.assertRaisesRegex(StoreError, "give the store `create_parents=True`") as raised:
            FileStore(path).append("first\n", [])
        self.assertEqual(raised.exception.code, "not-found")
        FileStore(path, create_parents=True).append("first\n", [])
        self.assertEqual(path.read_text(), "first\n")


class IdleTest(InDirectory):
    def test_an_idle_journal_has_no_snapshot_open(self) -> None:
        self.path.write_text('{"kind": "event", "timestamp": 1}\n')
        journal = Journal(Engine(os.environ["PAPYRA_ENGINE"]), self.store())
        journal.scan()
        next(journal.query())
        opened = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
        self.assertNotIn(os.path.realpath(self.path), list(opened))
        self.assertEqual(journal.scan().records, 1)


if __name__ == "__main__":
    unittest.main()
