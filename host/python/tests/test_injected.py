"""Every call that changes a file fails once, in each of several ways, during an append, a recovery and a
compaction. What the error says is compared with the files."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import unittest
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from in_directory import InDirectory
from papyra_persistence import Failure, Journal, Limits, Retention

CALLS = (
    "write",
    "pwrite",
    "copy_file_range",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "link",
    "unlink",
)
#: How a call fails: without having done anything, after it was done, together with all later ones; and a
#: write half-way on a disk that is full, together with later writes or with all later calls.
WAYS = ("before", "after", "for ever", "half-way", "half-way for ever")

SOUND = "".join(f'{{"kind": "event", "timestamp": {number}}}\n' for number in range(1, 5))
#: Damage that recovery removes, moves apart and completes.
DAMAGED = SOUND + 'nonsense\n{"kind": "ev' + SOUND.rstrip("\n") + "\0\0\n" + SOUND + '{"kind"'
BATCH = '{"kind": "audit", "timestamp": 7}\n{"kind": "metric", "timestamp": 8}\n'
FULL = ("write", "pwrite", "copy_file_range")


class Injected:
    """Lets the call of this number fail, or the first write from there on."""

    def __init__(self, number: int, way: str):
        self.number = number
        self.way = way
        self.seen = 0
        #: The calls that have failed, and the number of the first.
        self.hit: list[str] = []
        self.at = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in CALLS:
                real = getattr(os, name)
                stack.enter_context(mock.patch(f"os.{name}", self._call(name, real)))
            yield

    def _call(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            number, self.seen = self.seen, self.seen + 1
            if self.way.startswith("half-way"):
                return self._half_way(number, name, real, given, named)
            if number != self.number and not (self.way == "for ever" and self.hit):
                return real(*given, **named)
            self._note(number, name)
            if self.way == "after":
                real(*given, **named)
            raise OSError(errno.EIO, "broken")

        return call

    def _note(self, number: int, name: str) -> None:
        self.at = self.at if self.hit else number
        self.hit.append(name)

    def _half_way(
        self, number: int, name: str, real: Callable[..., Any], given: Any, named: Any
    ) -> Any:
        full = name in FULL or (self.hit and self.way == "half-way for ever")
        if not full or number < self.number:
            return real(*given, **named)
        self._note(number, name)
        if len(self.hit) > 1:
            raise OSError(errno.ENOSPC, "no space")
        if name != "copy_file_range":
            fd, data, *offset = given
            return real(fd, bytes(data)[: len(data) // 2] or data, *offset)
        source, target, count = given
        return real(source, target, count // 2 or count, **named)


class InjectedTest(InDirectory):
    def setUp(self) -> None:
        super().setUp()
        # Nobody is completing the torn line.
        self.waited = 0
        for name, instead in (("sleep", self.wait), ("monotonic_ns", self.monotonic)):
            patch = mock.patch(f"papyra_persistence.disk.time.{name}", instead)
            patch.start()
            self.addCleanup(patch.stop)

    def wait(self, seconds: float) -> None:
        self.waited += int(seconds * 1e9)

    def monotonic(self) -> int:
        return time.perf_counter_ns() + self.waited

    def limited(self) -> Journal:
        return self.journal(Retention(Limits(max_records=3)))

    def begin(self, text: str | None) -> None:
        """Begins with a journal of this content, or with none."""
        self.doCleanups()
        self.setUp()
        if text is not None:
            self.path.write_text(text)

    def failures(
        self,
        text: str | None,
        operation: Callable[[Journal], Any],
        check: Callable[[Injected, Any, Failure | None], None],
    ) -> None:
        """Runs an operation on the journal once for each failure of each call. ``check`` gets the failure,
        the report of the operation and its error."""
        for way in WAYS:
            number = 0
            while True:
                self.begin(text)
                journal, injected = self.limited(), Injected(number, way)
                report, error = None, None
                with injected():
                    try:
                        report = operation(journal)
                    except Failure as failure:
                        error = failure
                if not injected.hit:
                    break
                with self.subTest(way=way, number=injected.at, hit=injected.hit, said=str(error)):
                    check(injected, report, error)
                number = injected.at + 1
            self.assertGreater(number, 0, f"{way}: nothing was injected")

    def check_written(self, before: str, written: str | None, after: str) -> None:
        """Compares what is said about the batch with the journal."""
        # A torn line is isolated first, and that may stay.
        whole = before + ("\n" if before and not before.endswith("\n") else "") + BATCH
        if written == "none":
            self.assertEqual(after, before)
        elif written == "all":
            self.assertEqual(after, whole)
        elif written == "some":
            self.assertTrue(whole.startswith(after) and len(before) < len(after) < len(whole), after)
        else:
            self.assertEqual(written, "unknown")

    def test_an_append_says_what_is_in_the_file(self) -> None:
        for before in (None, SOUND, SOUND + '{"kind"'):
            said = set()

            def check(_: Injected, report: Any, error: Failure | None) -> None:
                after = self.content()
                if error is None:
                    self.check_written(before or "", "all", after)
                    return
                said.add(error.written)
                self.check_written(before or "", error.written, after)
                self.limited().append_lines(BATCH)
                self.assertTrue(self.content().startswith(after), "nothing that was there goes")
                self.assertTrue(("\n" + self.content()).endswith("\n" + BATCH))

            self.failures(before, lambda journal: journal.append_lines(BATCH), check)
            self.assertEqual(said, {"none", "some", "all", "unknown"})

    def check_rewrites(
        self, operation: Callable[[Journal], Any], keeps_quarantine: bool
    ) -> None:
        """Each failure leaves the original or the new content, whole, and no byte is nowhere."""
        self.begin(DAMAGED)
        done = operation(self.limited())
        new, removed = self.content(), self.quarantine()
        self.assertTrue(done.changed)
        self.assertEqual(bool(removed), keeps_quarantine)
        seen = {DAMAGED: 0, new: 0}

        def check(injected: Injected, report: Any, error: Failure | None) -> None:
            content, quarantine = self.content(), self.quarantine()
            self.assertIn(content, (DAMAGED, new))
            seen[content] += 1
            if content == new:
                self.assertEqual(quarantine, removed, "kept and removed are the original")
            elif "unlink" in injected.hit:
                self.assertIn(quarantine, ([], removed))
            else:
                self.assertEqual(quarantine, [])
            if error is None:
                self.assertEqual((content, report.changed), (new, True), "it has succeeded")
            else:
                self.assertIsNone(error.written, "that is about appends")
                self.assertEqual("finished rewrite" in str(error), content == new)
            self.heal(operation, new, removed)

        self.failures(DAMAGED, operation, check)
        self.assertGreater(seen[DAMAGED], 9)
        self.assertGreater(seen[new], 0)

    def heal(self, operation: Callable[[Journal], Any], new: str, removed: list[str]) -> None:
        """The next run finishes the work, and clears away what the failed one has left."""
        operation(self.limited())
        self.assertEqual(self.content(), new)
        self.assertIn(self.quarantine(), (removed, removed * 2))
        hidden = [one.name for one in self.dir.rglob(".*papyra-rewrite")]
        self.assertEqual(hidden, [])

    def test_a_repair_leaves_the_original_or_the_new_content(self) -> None:
        self.check_rewrites(lambda journal: journal.recover(record_audit=False), False)

    def test_a_quarantine_leaves_the_original_or_has_the_rest(self) -> None:
        self.check_rewrites(lambda journal: journal.recover("quarantine", record_audit=False), True)

    def test_a_compaction_leaves_the_original_or_the_new_content(self) -> None:
        for keep in (False, True):
            self.check_rewrites(
                lambda journal, keep=keep: journal.compact(keep_quarantine=keep, record_audit=False),
                keep,
            )

    def test_a_recovery_whose_audit_record_fails_has_still_recovered(self) -> None:
        self.begin(DAMAGED)
        self.limited().recover("quarantine", record_audit=False)
        new = self.content()
        unaudited = []

        def check(_: Injected, report: Any, error: Failure | None) -> None:
            content = self.content()
            if error is not None:
                self.assertIn(content, (DAMAGED, new))
                return
            self.assertTrue(report.changed)
            self.assertTrue(content.startswith(new))
            if report.audit:
                self.assertEqual(content, new + report.audit)
            else:
                self.assertIn("the audit record of it could not be written", report.note)
                unaudited.append(content)

        self.failures(DAMAGED, lambda journal: journal.recover("quarantine"), check)
        self.assertIn(new, unaudited)


if __name__ == "__main__":
    unittest.main()
