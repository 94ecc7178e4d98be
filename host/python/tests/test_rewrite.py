"""Edits of a file, while others append to it."""

from __future__ import annotations

import unittest

from in_directory import InDirectory
from papyra_persistence import Edit, Position, StoreError


def edit(start: int, end: int, line_end: bool = False) -> Edit:
    return Edit(Position(0, start), Position(0, end), line_end)


class RewriteTest(InDirectory):
    def rewritten(self, text: str, edits: list[Edit], meanwhile: str = "") -> str:
        """Edits a journal to which others append meanwhile, and returns what it contains then."""
        self.path.write_text(text)
        snapshot = self.store().snapshot()
        self.addCleanup(snapshot.close)
        rewrite = snapshot.rewrite(self.path.name, "recover", True, False)
        try:
            rewrite.edit(edits)
            with self.path.open("a") as file:
                file.write(meanwhile)
            done = rewrite.commit()
        finally:
            rewrite.abort()
        result = self.path.read_text()
        self.assertEqual((done.bytes_before, done.bytes_after), (len(text + meanwhile), len(result)))
        return result

    def test_bytes_give_way_to_nothing_or_to_one_line_end(self) -> None:
        self.assertEqual(self.rewritten("a\nxx\nb\n", [edit(2, 5)]), "a\nb\n")
        self.assertEqual(self.rewritten("axxb\n", [edit(1, 3, True)]), "a\nb\n")
        self.assertEqual(self.rewritten("ab\n", [edit(1, 1, True)]), "a\nb\n")
        every = [edit(0, 1), edit(2, 2, True), edit(3, 4, True), edit(5, 7)]
        self.assertEqual(self.rewritten("xabxc!\n", every), "a\nb\nc")

    def test_the_quarantine_gets_the_replaced_bytes_in_order(self) -> None:
        self.rewritten("xabyyc\n", [edit(0, 1), edit(2, 2, True), edit(3, 5, True)])
        self.assertEqual(self.quarantine(), ["xyy"])

    def test_an_inserted_line_end_needs_no_quarantine(self) -> None:
        self.rewritten("ab\n", [edit(1, 1, True)])
        self.assertFalse((self.dir / "quarantine").exists())

    def test_edits_that_change_nothing_write_nothing(self) -> None:
        self.path.write_text("a\n")
        inode = self.path.stat().st_ino
        for edits in ([], [edit(0, 0), edit(2, 2)]):
            self.assertEqual(self.rewritten("a\n", edits), "a\n")
            self.assertEqual(self.path.stat().st_ino, inode)

    def test_a_torn_tail_gets_one_line_end_whoever_appends_meanwhile(self) -> None:
        for meanwhile in ("", "\nb\n"):
            with self.subTest(meanwhile):
                expected = "a\n" + meanwhile[1:]
                self.assertEqual(self.rewritten("a", [edit(1, 1, True)], meanwhile), expected)

    def test_a_torn_tail_that_goes_takes_the_line_end_behind_it_along(self) -> None:
        self.assertEqual(self.rewritten("a\nto", [edit(2, 4)], "\nb\n"), "a\nb\n")
        self.assertEqual(self.rewritten("a to", [edit(1, 4, True)], "\nb\n"), "a\nb\n")

    def test_a_torn_tail_that_stays_stays_alone(self) -> None:
        for edits in ([edit(0, 2)], [edit(0, 2), edit(4, 4)]):
            self.assertEqual(self.rewritten("x\nto", edits, "\nb\n"), "to\nb\n")

    def test_a_line_end_behind_a_whole_line_stays(self) -> None:
        self.assertEqual(self.rewritten("a\nx\n", [edit(2, 4)], "\nb\n"), "a\n\nb\n")

    def test_a_tail_that_a_program_without_locks_completes_is_left_alone(self) -> None:
        with self.assertRaisesRegex(StoreError, "changed meanwhile") as raised:
            self.rewritten("a\nto", [edit(2, 4)], "rn\n")
        self.assertEqual(raised.exception.code, "locked")
        self.assertEqual(self.path.read_text(), "a\ntorn\n")
        self.assertEqual(self.quarantine(), [])

    def test_edits_out_of_order_are_refused(self) -> None:
        wrong = [[edit(2, 3), edit(1, 2)], [edit(0, 2), edit(1, 3)], [edit(2, 1)], [edit(0, 5)]]
        wrong.append([Edit(Position(1, 0), Position(1, 1))])
        for edits in wrong:
            with self.subTest(edits), self.assertRaisesRegex(StoreError, "edits must ascend"):
                self.rewritten("abc\n", edits)


if __name__ == "__main__":
    unittest.main()
