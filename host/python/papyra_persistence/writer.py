"""Writes lines of many tasks in batches: lines that arrive during a write form the next batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import anyio
import anyio.to_thread

from . import forks
from .errors import Failure
from .journal import Journal

#: Maximum bytes that wait in memory; further writes wait for room.
_MAX_WAITING = 16 << 20
#: Maximum bytes of a batch.
_MAX_BATCH = 4 << 20


class _Line:
    """A line to write: first `taken` out of the queue, then `done`, with an `error` if it was not written."""

    def __init__(self, text: str):
        self.text = text
        self.taken = False
        self.done = False
        self.error: BaseException | None = None


class Writer:
    """Group commit: one write and one `fdatasync` for all lines of a batch."""

    def __init__(self, start: Callable[[], Journal]):
        self._start = start
        self._journal: Journal | None = None
        self._forked()
        forks.track(self)

    def _forked(self) -> None:
        """Begins with nothing. The lines that wait at a fork are the parent's to write."""
        self._waiting: list[_Line] = []
        self._bytes = 0
        self._lock: anyio.Lock | None = None
        self._settling = threading.Lock()
        self._entry = threading.Lock()
        self._tasks = 0
        self._thread = 0

    async def write(self, text: str) -> None:
        """Returns when the line is durable. Raises the error of its write."""
        with self._entered():
            await self._write_line(_Line(text))

    async def drain(self) -> None:
        """Returns when no line is waiting or being written."""
        with self._entered():
            async with self._locked():
                while self._waiting:
                    await self._flush()

    def close(self) -> None:
        """Closes the journal. The next line opens it again."""
        with self._settling:
            if self._journal is not None:
                self._journal.close()

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        """Refuses a second event loop: its tasks, in a thread of their own, would never be woken."""
        me = threading.get_ident()
        with self._entry:
            if self._tasks and self._thread != me:
                raise RuntimeError(
                    "another event loop is writing to this backend; give each loop a backend of its own"
                )
            self._thread = me
            self._tasks += 1
        try:
            yield
        finally:
            with self._entry:
                self._tasks -= 1

    async def _write_line(self, line: _Line) -> None:
        text = line.text
        lock = self._locked()
        while self._bytes > _MAX_WAITING:
            async with lock:
                await self._flush()
        self._waiting.append(line)
        self._bytes += len(text)
        try:
            while not line.done:
                async with lock:
                    if not line.done:
                        await self._flush()
        except BaseException:
            if not line.taken:
                self._waiting.remove(line)
                self._bytes -= len(text)
            raise
        if line.error is not None:
            raise line.error

    def _locked(self) -> anyio.Lock:
        # Made on first use, since older versions of anyio need a running loop for it.
        self._lock = self._lock or anyio.Lock()
        return self._lock

    async def _flush(self) -> None:
        """Writes a batch of the waiting lines. The caller holds the lock; the batch is done on return."""
        batch = self._take()
        if not batch:
            return
        # A write that has begun is completed: a cancelled task must not leave the others without result.
        with anyio.CancelScope(shield=True):
            interruption = await self._settled(batch)
        if interruption is not None:
            raise interruption

    async def _settled(self, batch: list[_Line]) -> BaseException | None:
        """Waits until a batch is done, and returns the exception that interrupted the wait, if any."""
        interruption: BaseException | None = None
        cancelled = anyio.get_cancelled_exc_class()
        while not batch[-1].done:
            try:
                await anyio.to_thread.run_sync(self._settle, batch)
            except cancelled as error:
                # The shield does not stop `Task.cancel` of asyncio.
                interruption = error
            except BaseException as error:
                # No thread is available, or the event loop is closing.
                self._settle(batch)
                if not isinstance(error, Exception):
                    interruption = error
        return interruption

    def _take(self) -> list[_Line]:
        size = count = 0
        for line in self._waiting:
            if count and size + len(line.text) > _MAX_BATCH:
                break
            size += len(line.text)
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= size
        for line in batch:
            line.taken = True
        return batch

    def _settle(self, batch: list[_Line]) -> None:
        """Writes a batch, unless it is done. Waits if another thread is writing it."""
        with self._settling:
            if batch[-1].done:
                return
            self._write(batch)
            for line in batch:
                line.done = True

    def _write(self, batch: list[_Line]) -> None:
        try:
            self._append(batch)
        except Failure as failure:
            if failure.code != "invalid-record" or len(batch) == 1:
                _fail(batch, failure)
                return
            # One line is not acceptable. The others must not fail with it.
            for line in batch:
                self._write([line])
        except BaseException as error:
            # No line may count as written after any error.
            _fail(batch, error)

    def _append(self, batch: list[_Line]) -> None:
        self._journal = self._journal or self._start()
        self._journal.append_lines("".join(line.text for line in batch))


def _fail(batch: list[_Line], error: BaseException) -> None:
    if isinstance(error, Failure) and error.written == "some" and len(batch) > 1:
        # Of a single line of the batch nothing is known.
        where = error.segment, error.line
        error = Failure(error.code, str(error), *where, error.retryable, "unknown")
    for line in batch:
        line.error = error
