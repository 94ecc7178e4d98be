"""Journals in files: rotating ones, files that cannot be read through WASI, and other processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable
from unittest import mock

from in_directory import FILES, InDirectory, line
from papyra_persistence import Failure, FileStore, Journal, Limits, Retention, engine

#: Large enough to be read through WASI, and with bytes that do not cross as text.
MIXED = (
    "".join(line(number) for number in range(5_000)).encode()
    + b'{"kind": "event", "timestamp": 1, "x": "\xff\xc3"}\n'
    + '{"kind": "event", "timestamp": 2, "x": "aü€😀"}\n'.encode() * 5_000
    + b"\0" * 3_000
    + b"\n"
)


class RotatingTest(InDirectory):
    def rotating(self, **limits: int) -> Journal:
        return self.journal(Retention(Limits(max_records=10)), max_bytes=1_000, max_files=4, **limits)

    def names(self) -> list[str]:
        return sorted(one.name for one in self.dir.iterdir() if one.is_file() and one.name[0] != ".")

    def test_records_are_kept_in_several_files(self) -> None:
        journal = self.rotating()
        for number in range(60):
            journal.append_lines(line(number))
        name = self.path.name
        self.assertEqual(self.names(), [name, f"{name}.1", f"{name}.2"])
        report = journal.scan()
        self.assertEqual((report.backend, report.records, report.damaged), ("rotating", 60, 0))
        (page,) = Journal(FILES, self.store(max_bytes=1_000, max_files=4)).query()
        self.assertEqual(page.records, "".join(map(line, range(60))))

        sealed = self.path.with_name(f"{name}.1")
        sealed.write_text("damaged\n" + sealed.read_text())
        self.assertEqual([one.segment for one in journal.scan().findings], [f"{name}.1"])
        recovery = journal.recover("quarantine", record_audit=False)
        self.assertEqual((recovery.removed_entries, self.quarantine()), (1, ["damaged\n"]))
        self.assertEqual(journal.compact(record_audit=False).records_after, 10)
        self.assertEqual(journal.scan().records, 10)

    def test_the_oldest_file_goes(self) -> None:
        journal = self.journal(max_bytes=500, max_files=2)
        journal.append_lines("".join(map(line, range(100))))
        self.assertEqual(len(self.names()), 2)
        (page,) = journal.query()
        self.assertTrue(page.records.endswith(line(98) + line(99)))
        self.assertLess(page.count, 30)


class ReadingTest(InDirectory):
    """What is read through WASI, through Python, or first so and then so, is the same."""

    def setUp(self) -> None:
        super().setUp()
        self.path.write_bytes(MIXED)
        self.reads = 0

    def counted(self, work: Callable[[], object]) -> object:
        """Runs a function, and counts the bytes that Python reads meanwhile."""
        real, self.reads = os.pread, 0

        def pread(fd: int, length: int, offset: int) -> bytes:
            data = real(fd, length, offset)
            self.reads += len(data)
            return data

        with mock.patch("os.pread", pread):
            return work()

    def outside(self, path: object = None) -> object:
        found = self.counted(Journal(FILES, FileStore(path or self.path)).scan)
        self.assertLess(self.reads, 10)
        return found

    def inside(self, path: object = None) -> object:
        found = self.counted(Journal(FILES, FileStore(path or self.path)).scan)
        self.assertGreaterEqual(self.reads, len(MIXED))
        return found

    def found(self) -> str:
        return "".join(page.records for page in Journal(FILES, self.store()).query())

    def test_a_process_without_wasi_reads_the_same(self) -> None:
        expected = self.outside()
        self.assertEqual((expected.records, expected.damaged), (10_000, 2))
        with mock.patch.object(engine, "_wasi_process", -1):
            self.assertEqual(self.inside(), expected)
            (newest,) = Journal(FILES, self.store()).query(limit=3, newest_first=True)
            found = self.found()
        self.assertEqual(self.found(), found)
        self.assertEqual(newest.count, 3)

    def test_a_rewrite_without_wasi_gives_the_same(self) -> None:
        self.journal().recover(record_audit=False)
        expected = self.path.read_bytes()
        self.path.write_bytes(MIXED)
        with mock.patch.object(engine, "_wasi_process", -1):
            self.journal().recover(record_audit=False)
        self.assertEqual(self.path.read_bytes(), expected)

    def test_links_are_followed_wherever_they_lead(self) -> None:
        expected = self.outside()
        elsewhere = self.dir / "elsewhere"
        elsewhere.mkdir()
        for target in (self.path, "../events.ndjson"):
            link = elsewhere / "link.ndjson"
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            found = self.counted(Journal(FILES, FileStore(link)).scan)
            self.assertEqual((found.records, found.damaged), (expected.records, expected.damaged))
        directory = self.dir / "directory"
        directory.symlink_to(self.dir)
        self.assertEqual(self.outside(directory / self.path.name).records, expected.records)

    def test_a_file_that_was_renamed_meanwhile_is_read_to_its_end(self) -> None:
        expected = self.outside()
        real = engine.Disk._open

        def renamed(disk: object, path: str, how: object) -> int:
            number = real(disk, path, how)
            if os.path.exists(path) and path == os.fspath(self.path):
                real_stat = os.stat

                def stat(name: str, **more: object) -> os.stat_result:
                    # The first look says that it is still there; then another program moves it.
                    status = real_stat(name, **more)
                    if name == path:
                        os.rename(path, f"{path}.old")
                        open(path, "w").close()
                        patch.stop()
                    return status

                patch = mock.patch("os.stat", stat)
                patch.start()
            return number

        with mock.patch.object(engine.Disk, "_open", renamed):
            found = self.inside()
        self.assertEqual((found.records, found.damaged), (expected.records, expected.damaged))

    def test_a_directory_that_is_made_later_is_read(self) -> None:
        path = self.dir / "later" / self.path.name
        journal = Journal(FILES, FileStore(path, create_parents=True))
        journal.append_lines(line(1) * 10_000)
        self.assertEqual(journal.scan().records, 10_000)


HOLD = """
import fcntl, sys
with open(sys.argv[1]) as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read(1)
"""


class OtherProcessTest(InDirectory):
    def held(self) -> subprocess.Popen[str]:
        """Starts a process that holds the lock of the journal."""
        pipe = subprocess.PIPE
        other = subprocess.Popen([sys.executable, "-c", HOLD, self.path], stdin=pipe, stdout=pipe, text=True)
        self.assertEqual(other.stdout.readline(), "held\n")
        self.addCleanup(other.wait)
        self.addCleanup(other.stdout.close)
        self.addCleanup(other.stdin.close)
        return other

    def test_a_lock_is_waited_for_and_no_longer_than_allowed(self) -> None:
        self.path.write_text(line(1))
        other = self.held()
        for call in (lambda journal: journal.append_lines(line(2)), Journal.scan):
            with self.assertRaises(Failure) as raised:
                call(self.journal(lock_wait=0.05))
            self.assertEqual(raised.exception.code, "locked")
        timer = threading.Timer(0.3, other.stdin.close)
        timer.start()
        began = time.monotonic()
        self.journal().append_lines(line(2))
        self.assertGreater(time.monotonic() - began, 0.2)
        timer.join()
        self.assertEqual(self.content(), line(1) + line(2))

    def test_another_process_finds_the_lock_taken(self) -> None:
        journal, taken = self.journal(), []
        real = os.fdatasync

        def look(fd: int) -> None:
            with open(self.path) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    taken.append(True)
            real(fd)

        with mock.patch("os.fdatasync", look):
            journal.append_lines(line(1))
        self.assertEqual(taken, [True])
        with open(self.path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


if __name__ == "__main__":
    unittest.main()
