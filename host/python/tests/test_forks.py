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
from in_directory import InDirectory
from papyra_persistence import (
    Draft,
    Edit,
    Engine,
    Failure,
    FileStore,
    Journal,
    MemoryStore,
    Position,
    StoreError,
    WasiJournal,
)
from papyra_persistence.backend import _Lazy
from papyra_persistence.interrupts import Interrupts
from papyra_persistence.locks import held
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
    def test_a_child_neither_shares_nor_drops_the_lock_of_its_parent(self) -> None:
        store = self.store()
        store.append("first\n", [])
        store.lock_wait = 0.05
        fd, _ = store._opened()
        with held(fd, fcntl.LOCK_EX, time.monotonic() + 1, store.path):
            self.child(lambda: self.assertEqual(self.code_of_append(store), "locked"))
            self.assertEqual(self.code_of_append(self.store(lock_wait=0.05)), "locked")
        store.append("second\n", [])
        self.assertEqual(self.path.read_text(), "first\nsecond\n")

    def test_a_child_forked_during_an_append_can_append(self) -> None:
        store, begun, may_end = self.store(), threading.Event(), threading.Event()

        def slow(_fd: int) -> None:
            begun.set()
            may_end.wait(60)

        def append() -> None:
            with mock.patch("os.fdatasync", slow):
                store.append("first\n", [])

        self.background(append)
        self.addCleanup(may_end.set)
        begun.wait(60)
        store.lock_wait = 0.05
        # The thread of the parent holds the lock of the file, and the lock of the store, which is not shared.
        self.child(lambda: self.assertEqual(self.code_of_append(store), "locked"))

    def test_a_child_leaves_the_rewrite_of_its_parent_alone(self) -> None:
        store = self.store(lock_wait=0.2)
        store.append("first\nsecond\n", [])
        snapshot = store.snapshot()
        self.addCleanup(snapshot.close)
        rewrite = snapshot.rewrite(self.path.name, "recover", True, False)
        rewrite.edit([Edit(Position(0, 0), Position(0, 6))])

        def end() -> None:
            rewrite.abort()
            snapshot.close()
            with self.assertRaisesRegex(StoreError, "another process is rewriting"):
                store.snapshot().rewrite(self.path.name, "recover", False, False)

        self.child(end)
        self.assertEqual(len(rewrite.commit().quarantine), 1)
        self.assertEqual(self.code_of_append(store), "written")
        self.assertEqual(self.path.read_text(), "second\nlate\n")
        self.assertEqual(self.quarantine(), ["first\n"])

    def test_a_child_that_lives_on_does_not_keep_the_lock_of_a_rewrite(self) -> None:
        store = self.store(lock_wait=0.2)
        store.append("first\nsecond\n", [])
        snapshot = store.snapshot()
        self.addCleanup(snapshot.close)
        rewrite = snapshot.rewrite(self.path.name, "recover", False, False)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        try:
            # As if the parent were killed now: only the child could still hold the lock.
            for fd in (rewrite._source, rewrite._new):
                os.close(fd)
            rewrite._source = rewrite._new = -1
            store.snapshot().rewrite(self.path.name, "recover", False, False).abort()
        finally:
            for fd in (reading, writing):
                os.close(fd)
            os.waitpid(child, 0)

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
        lazy = _Lazy(Engine.__new__(Engine))
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
        engine = Engine(ENGINE, cache=False)
        store = FileStore(self.path)
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
            self.assertGreater(journal.scan().records, 0)

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
        self.child(lambda: engine.instantiate_wasi(wasmtime.WasiConfig()))
        engine.instantiate_wasi(wasmtime.WasiConfig())

        def child() -> None:
            for _ in range(2):
                with self.assertRaisesRegex(Failure, "this process was forked from one that has used it"):
                    WasiJournal(engine, self.path).scan()

        self.child(child)

    def test_a_failure_of_a_child_is_a_failure(self) -> None:
        journal = Journal(Engine(ENGINE), FileStore(self.dir / "missing"))

        def child() -> None:
            with self.assertRaises(Failure) as raised:
                journal.scan()
            self.assertEqual(raised.exception.code, "not-found")

        self.child(child)


if __name__ == "__main__":
    unittest.main()
