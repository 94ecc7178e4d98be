"""What an append that failed says about its batch, compared with the file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import unittest
from collections.abc import Iterator
from unittest import mock

from in_directory import FILES, InDirectory, line
from papyra_persistence import Failure, FileStore, Journal, MemoryStore, StoreError
from papyra_persistence.writer import Writer

OLD, BATCH = line(1), line(2) + line(3)


class FileTest(InDirectory):
    def failing(self, *names: str) -> contextlib.ExitStack:
        """Lets calls of the system fail."""
        stack = contextlib.ExitStack()
        for name in names:
            broken = mock.Mock(side_effect=OSError(errno.EIO, "broken"))
            stack.enter_context(mock.patch(f"os.{name}", broken))
        return stack

    @contextlib.contextmanager
    def full(self, behind: str = "") -> Iterator[None]:
        """Lets the disk be full after eight bytes, while another program writes behind them."""
        write, seen = os.write, []

        def short(fd: int, data: bytes) -> int:
            if seen:
                with self.path.open("ab", buffering=0) as other:
                    write(other.fileno(), behind.encode())
                raise OSError(errno.ENOSPC, "no space")
            seen.append(write(fd, data[:8]))
            return seen[0]

        with mock.patch("os.write", short):
            yield

    def check(self, code: str, written: str, left: str, journal: Journal | None = None) -> None:
        with self.assertRaises(Failure) as raised:
            (journal or self.journal()).append_lines(BATCH)
        self.assertEqual((raised.exception.code, raised.exception.written), (code, written))
        self.assertEqual(self.content(), left)

    def test_what_fails_before_a_byte_is_written_wrote_none(self) -> None:
        self.path.write_text("")
        for name in ("write", "fstat", "open"):
            with self.subTest(name), self.failing(name):
                self.check("failed", "none", "")
        with open(self.path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.check("locked", "none", "", self.journal(lock_wait=0.05))
        self.check("not-found", "none", "", Journal(FILES, FileStore(self.dir / "no/j")))

    def test_what_is_taken_back_is_none(self) -> None:
        self.path.write_text(OLD)
        with self.full():
            self.check("full", "none", OLD)
        with self.failing("fdatasync"):
            self.check("failed", "none", OLD)

    def test_a_part_that_cannot_be_taken_back_is_some(self) -> None:
        self.path.write_text(OLD)
        with self.full(), self.failing("ftruncate"):
            self.check("full", "some", OLD + BATCH[:8])

    def test_a_batch_that_cannot_be_taken_back_is_all(self) -> None:
        self.path.write_text(OLD)
        with self.failing("fdatasync", "ftruncate"):
            self.check("failed", "all", OLD + BATCH)

    def test_what_others_wrote_behind_keeps_the_batch(self) -> None:
        self.path.write_text(OLD)
        with self.full(behind="\nx\n"):
            self.check("full", "some", OLD + BATCH[:8] + "\nx\n")

    def test_a_file_that_grew_although_nothing_was_written_is_unknown(self) -> None:
        self.path.write_text("")
        write = os.write

        def lost(fd: int, data: bytes) -> int:
            write(fd, data)
            raise OSError(errno.EIO, "the answer was lost")

        with mock.patch("os.write", lost):
            self.check("failed", "unknown", BATCH)

    def test_a_file_that_was_cut_by_others_is_unknown(self) -> None:
        self.path.write_text(OLD)

        def cut(_fd: int) -> None:
            self.path.write_text("")
            raise OSError(errno.EIO, "broken")

        with mock.patch("os.fdatasync", cut):
            self.check("failed", "unknown", "")


class OtherTest(unittest.TestCase):
    def test_memory_that_is_full_wrote_none(self) -> None:
        with self.assertRaises(StoreError) as raised:
            MemoryStore(max_bytes=3).append(BATCH, [])
        self.assertEqual(raised.exception.written, "none")

    def test_a_word_that_is_none_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "not one of none, all, some, unknown"):
            StoreError("failed", "", "half")

    def test_a_line_of_a_batch_of_which_some_was_written_is_unknown(self) -> None:
        for said, lines, expected in (("some", 2, "unknown"), ("some", 1, "some"), ("none", 2, "none")):
            with self.subTest(said=said, lines=lines):
                self.assertEqual(asyncio.run(self.written(said, lines)), [expected] * lines)

    async def written(self, said: str, lines: int) -> list[str | None]:
        class Failing:
            def append_lines(self, _lines: str) -> None:
                raise Failure("full", "no space", written=said)

        writer = Writer(Failing)
        writes = (writer.write(f"{number}\n") for number in range(lines))
        done = await asyncio.gather(*writes, return_exceptions=True)
        return [error.written for error in done if isinstance(error, Failure)]


if __name__ == "__main__":
    unittest.main()
