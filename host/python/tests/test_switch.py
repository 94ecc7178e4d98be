"""A rename that raises, after it was done or without having been done."""

from __future__ import annotations

import errno
import os
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from in_directory import InDirectory
from papyra_persistence import Edit, Position, Rewritten, StoreError

FAILED = OSError(errno.EIO, "i/o error")


class SwitchTest(InDirectory):
    def rewritten(
        self,
        switch: bool,
        error: BaseException = FAILED,
        then: Callable[[], object] = lambda: None,
        keep_quarantine: bool = True,
    ) -> Rewritten:
        """Removes the first of two lines. ``switch``: whether the rename is done before it raises. ``then``
        is called in between."""
        rename = os.rename

        def failing(source: str, target: str) -> None:
            if switch:
                rename(source, target)
            then()
            raise error

        store = self.store()
        store.append("first\nsecond\n", [])
        snapshot = store.snapshot()
        self.addCleanup(snapshot.close)
        rewrite = snapshot.rewrite(self.path.name, "recover", keep_quarantine, False)
        rewrite.edit([Edit(Position(0, 0), Position(0, 6))])
        try:
            with mock.patch("os.rename", failing):
                return rewrite.commit()
        finally:
            store.append("third\n", [])

    def unseen(self, name: str) -> Callable[[], object]:
        """Lets a function of the rewrite fail from then on."""
        patch = mock.patch(f"papyra_persistence.rewrite.{name}", side_effect=OSError(errno.EIO, ""))

        def start() -> None:
            patch.start()
            self.addCleanup(patch.stop)

        return start

    def names(self) -> list[str]:
        return sorted(one.name for one in self.dir.iterdir())

    def test_a_rename_that_was_done_although_it_raised_is_a_success(self) -> None:
        done = self.rewritten(True)
        self.assertEqual((done.bytes_before, done.bytes_after), (13, 7))
        self.assertEqual([Path(name).read_text() for name in done.quarantine], ["first\n"])
        self.assertEqual(self.path.read_text(), "second\nthird\n")

    def test_an_interrupt_after_the_switch_keeps_the_quarantine(self) -> None:
        with self.assertRaises(KeyboardInterrupt):
            self.rewritten(True, KeyboardInterrupt())
        self.assertEqual(self.path.read_text(), "second\nthird\n")
        self.assertEqual(self.quarantine(), ["first\n"])

    def test_an_error_before_the_switch_leaves_nothing_behind(self) -> None:
        for error in (KeyboardInterrupt(), FAILED):
            self.setUp()
            with self.subTest(error):
                expected = StoreError if error is FAILED else KeyboardInterrupt
                with self.assertRaises(expected) as raised:
                    self.rewritten(False, error)
                self.assertNotIn("cannot tell", str(raised.exception))
                self.assertEqual(self.path.read_text(), "first\nsecond\nthird\n")
                self.assertEqual(self.quarantine(), [])
                self.assertEqual(self.names(), ["events.ndjson", "quarantine"])

    def test_a_journal_that_cannot_be_examined_keeps_the_quarantine(self) -> None:
        with self.assertRaisesRegex(StoreError, r"cannot tell whether .*\.quarantine$"):
            self.rewritten(False, then=self.unseen("named"))
        self.assertEqual(self.path.read_text(), "first\nsecond\nthird\n")
        self.assertEqual(self.quarantine(), ["first\n"])

    def test_a_journal_that_became_another_file_keeps_the_quarantine(self) -> None:
        def replaced() -> None:
            self.path.unlink()
            self.path.write_text("other\n")

        with self.assertRaisesRegex(StoreError, r"cannot tell whether .*\.quarantine$"):
            self.rewritten(False, then=replaced)
        self.assertEqual(self.path.read_text(), "other\nthird\n")
        self.assertEqual(self.quarantine(), ["first\n"])
        self.assertEqual(self.names(), ["events.ndjson", "quarantine"])

    def test_without_a_quarantine_there_is_nothing_to_look_at(self) -> None:
        with self.assertRaisesRegex(StoreError, "^cannot rewrite .*: Input/output error$"):
            self.rewritten(False, then=self.unseen("named"), keep_quarantine=False)

    def test_a_switch_that_may_not_be_durable_says_so(self) -> None:
        said = "cannot be sure that a power cut would not undo the finished rewrite of "
        with self.assertRaisesRegex(StoreError, said):
            self.rewritten(True, then=self.unseen("sync_dir"))
        self.assertEqual(self.path.read_text(), "second\nthird\n")
        self.assertEqual(self.quarantine(), ["first\n"])


if __name__ == "__main__":
    unittest.main()
