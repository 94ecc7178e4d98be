"""Children that are forked at bad moments: while other threads hold locks, rewrite, or are inside a call."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import threading
import time
import traceback
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import wasmtime
from in_directory import FILES, InDirectory, line
from papyra_persistence import (
    Draft,
    Engine,
    Failure,
    FileStore,
    Journal,
    MemoryStore,
    WasiJournal,
)
from papyra_persistence.backend.component import Lazy
from papyra_persistence.interrupts import Interrupts
from papyra_persistence.writer import Writer

ENGINE = os.environ["PAPYRA_ENGINE"]
#: A child that waits longer is killed, and the test fails.
PATIENCE = 10


class Slow(MemoryStore):
    """A store that is inside `append` until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        self.begun.set()
        self.may_go_on.wait(60)
        super().append(lines, runs)


class Forking(InDirectory):
    def child(self, work: Callable[[], object]) -> None:
        """Runs a function in a child, which must end in time without an exception."""
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PATIENCE)
            status = 1
            try:
                work()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertEqual(status, 0, "the child failed, or was killed because it hung")

    def background(self, work: Callable[[], object]) -> None:
        """Runs a function in a thread, which the test waits for at its end."""
        thread = threading.Thread(target=work)
        thread.start()
        self.addCleanup(thread.join)


class StoreTest(Forking):
    def opened(self, journal: Journal) -> list[int]:
        """Returns the descriptors that a journal has open."""
        return [file.fd for file in journal._session._reach._files.values()]

    def paused(self, name: str, work: Callable[[], object]) -> threading.Event:
        """Runs a function in a thread until it calls this one of `os`, in which it stays until the event."""
        real, begun, may_go_on = getattr(os, name), threading.Event(), threading.Event()
        parent = os.getpid()

        def slow(*given: object) -> object:
            if os.getpid() == parent and not begun.is_set():
                begun.set()
                may_go_on.wait(60)
            return real(*given)

        patch = mock.patch(f"os.{name}", slow)
        patch.start()
        self.addCleanup(patch.stop)
        self.background(work)
        self.addCleanup(may_go_on.set)
        begun.wait(60)
        return may_go_on

    def test_a_child_neither_shares_nor_drops_the_lock_of_its_parent(self) -> None:
        journal, other = self.journal(lock_wait=0.05), self.journal(lock_wait=0.05)
        journal.append_lines(line(1))
        (fd,) = self.opened(journal)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.child(lambda: self.assertEqual(self.code_of_append(journal), "locked"))
        self.assertEqual(self.code_of_append(other), "locked")
        fcntl.flock(fd, fcntl.LOCK_UN)
        journal.append_lines(line(2))
        self.assertEqual(self.content(), line(1) + line(2))

    def test_a_child_forked_during_an_append_can_append(self) -> None:
        journal = self.journal(lock_wait=0.05)
        self.paused("fdatasync", lambda: journal.append_lines(line(1)))
        # The thread of the parent holds the lock of the file, and that of the journal, which is not shared.
        self.child(lambda: self.assertEqual(self.code_of_append(journal), "locked"))

    def test_a_child_leaves_the_rewrite_of_its_parent_alone(self) -> None:
        self.path.write_text("damaged\n" + line(1))
        journal, done = self.journal(lock_wait=0.2), []

        def recover() -> None:
            done.append(journal.recover("quarantine", record_audit=False))

        may_go_on = self.paused("fsync", recover)

        def child() -> None:
            journal.close()
            with self.assertRaisesRegex(Failure, "is rewriting"):
                journal.recover()

        self.child(child)
        may_go_on.set()
        self.doCleanups()
        self.assertEqual(len(done[0].quarantine), 1)

    def test_a_child_that_lives_on_does_not_keep_the_lock_of_a_rewrite(self) -> None:
        self.path.write_text("damaged\n" + line(1))
        journal, raised = self.journal(), []

        def recover() -> None:
            try:
                journal.recover()
            except Failure as failure:
                raised.append(failure)

        may_go_on = self.paused("fsync", recover)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        try:
            # As if the parent were killed now: only the child could still hold the lock.
            for fd in self.opened(journal):
                os.close(fd)
            other = self.journal(lock_wait=0.2)
            self.assertTrue(other.recover(record_audit=False).changed)
            other.close()
            may_go_on.set()
        finally:
            for fd in (reading, writing):
                os.close(fd)
            os.waitpid(child, 0)
        self.assertEqual(self.content(), line(1))

    def test_the_lines_that_wait_are_written_by_the_parent_alone(self) -> None:
        written: list[str] = []

        class Recorder:
            def append_lines(self, lines: str) -> None:
                written.append(lines)

        writer = Writer(Recorder)

        def child() -> None:
            asyncio.run(writer.write("of the child\n"))
            asyncio.run(writer.drain())
            self.assertEqual(written, ["of the child\n"])

        async def parent() -> None:
            waiting = asyncio.create_task(writer.write("waits\n"))
            async with writer._locked():
                await asyncio.sleep(0.01)
                self.child(child)
            await waiting

        asyncio.run(parent())
        self.assertEqual(written, ["waits\n"])

    def test_a_store_in_memory_that_is_being_read_can_be_read_by_the_child(self) -> None:
        store = MemoryStore()
        store.append("first\n", [])
        with store._lock:
            self.child(lambda: self.assertEqual(store.copy(0, 6), b"first\n"))

    def test_an_engine_that_is_being_loaded_can_be_loaded_by_the_child(self) -> None:
        lazy = Lazy(FILES, self.store())
        with lazy._lock:
            self.child(lazy.get)

    def test_the_child_gets_the_handlers_that_the_parent_replaced_for_a_call(self) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

        def child() -> None:
            with self.assertRaises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)

        with Interrupts(), ThreadPoolExecutor(1) as other:
            other.submit(self.child, child).result()


class CallTest(Forking):
    def test_a_child_forked_during_a_call_can_use_the_journal(self) -> None:
        store = Slow()
        journal = Journal(Engine(ENGINE), store)
        self.background(lambda: journal.append([Draft("event")]))
        store.begun.wait(60)
        store.may_go_on.set()
        self.child(lambda: self.assertEqual(journal.append([Draft("event")]).records, 1))

    def test_children_forked_at_any_moment_can_use_what_they_inherit(self) -> None:
        engine = Engine(os.environ["PAPYRA_PYTHON"], cache=False)
        store = FileStore(self.path)
        # Large enough to be read through WASI, the threads of which no child has.
        self.path.write_text(line(1) * 20_000)
        journal, stopped = Journal(engine, store), threading.Event()

        def busy() -> None:
            while not stopped.is_set():
                journal.append([Draft("event")])
                other = Journal(engine, store)
                other.scan()
                other.close()

        self.background(busy)
        self.addCleanup(stopped.set)

        def use() -> None:
            journal.append([Draft("audit")])
            self.assertGreater(journal.scan().records, 20_000)

        for _ in range(30):
            self.child(use)
        stopped.set()
        kinds = {one.kind: one.records for one in journal.scan().kinds}
        self.assertEqual(kinds["audit"], 30)

    def test_a_child_can_compile_the_engine_although_its_parent_has(self) -> None:
        Engine(ENGINE, cache=False)
        self.child(lambda: Engine(ENGINE, cache=False))

    def test_wasi_is_refused_where_it_would_wait_for_threads_of_the_parent(self) -> None:
        component = self.dir / "component.wasm"
        component.write_bytes(wasmtime.wat2wasm("(component)"))
        engine = Engine(component)
        patch = mock.patch("papyra_persistence.engine._wasi_process", None)
        patch.start()
        self.addCleanup(patch.stop)
        self.child(lambda: engine.instantiate_wasi(wasmtime.WasiConfig()))
        engine.instantiate_wasi(wasmtime.WasiConfig())

        def child() -> None:
            for _ in range(2):
                with self.assertRaisesRegex(Failure, "this process was forked from one that has used it"):
                    WasiJournal(engine, self.path).scan()

        self.child(child)

    def test_a_failure_of_a_child_is_a_failure(self) -> None:
        journal = Journal(FILES, FileStore(self.dir / "missing"))

        def child() -> None:
            with self.assertRaises(Failure) as raised:
                journal.scan()
            self.assertEqual(raised.exception.code, "not-found")

        self.child(child)


if __name__ == "__main__":
    unittest.main()
