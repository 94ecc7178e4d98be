"""Strings that are not text, because they have one half of a surrogate pair."""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable
from typing import Any

from in_directory import FILES, InDirectory
from papyra_persistence import Draft, Engine, Failure, FileStore, Journal, MemoryStore, StoreError
from papyra_persistence.reports import FieldMatch

ENGINE = Engine(os.environ["PAPYRA_ENGINE"])
RECORD = '{"kind": "event", "timestamp": 1}\n'
HALF = "\ud83d"


class TextTest(InDirectory):
    def refused(self, code: str, said: str, line: int | None, call: Callable[[], Any]) -> None:
        with self.assertRaises(Failure) as raised:
            call()
        failure = raised.exception
        self.assertEqual((failure.code, str(failure), failure.line), (code, said, line))
        self.assertEqual(failure.written, "none" if code == "invalid-record" else None)

    def test_a_record_that_is_not_text_is_refused_with_its_number(self) -> None:
        journal = Journal(ENGINE, MemoryStore())
        said = (
            "record {} cannot be written: {} has half of a surrogate pair (U+D83D) as character 8; "
            "write it as \\ud83d; nothing was written"
        )
        drafts = [Draft("event"), Draft("event", f'{{"😀": "{HALF}"}}')]
        self.refused("invalid-record", said.format(2, "`fields`"), 2, lambda: journal.append(drafts))
        lines = RECORD + '{"x": "😀"}\n{"x": "' + HALF + '"}\n'
        self.refused("invalid-record", said.format(3, "it"), 3, lambda: journal.append_lines(lines))
        self.assertEqual(journal.inspect().records, 0)

    def test_an_argument_that_is_not_text_is_refused_with_its_name(self) -> None:
        journal = Journal(ENGINE, MemoryStore())
        said = "has half of a surrogate pair (U+D83D) as character 2, which is not text"
        calls: dict[str, Callable[[str], Any]] = {
            "cursor": lambda text: list(journal.query(cursor=text)),
            "field": lambda text: list(journal.query(matching=[FieldMatch(text, "x")])),
            "value": lambda text: list(journal.query(matching=[FieldMatch("x", text)])),
            "path": FileStore,
        }
        for name, call in calls.items():
            self.refused("invalid-argument", f"{name} {said}", None, lambda: call("x" + HALF))

    def test_whole_characters_of_all_sizes_are_written(self) -> None:
        journal = Journal(ENGINE, MemoryStore())
        self.assertEqual(journal.append([Draft("event", '{"x": "aü€😀"}')]).records, 1)
        (page,) = journal.query(matching=[FieldMatch("x", "aü€😀")])
        self.assertEqual(page.count, 1)

    def test_a_file_name_that_is_not_text_is_served(self) -> None:
        path = os.fsdecode(os.fsencode(self.dir) + b"/\xff.ndjson")
        with open(path, "w") as file:
            file.write(RECORD + "damaged\n")
        journal = Journal(FILES, FileStore(path, quarantine_dir=self.dir))
        report = journal.scan()
        self.assertEqual((report.records, report.damaged), (1, 1))
        self.assertTrue(report.location.endswith("/\\udcff.ndjson"), report.location)
        self.assertEqual({one.segment for one in report.findings}, {"\\udcff.ndjson"})
        (quarantine,) = journal.recover("quarantine").quarantine
        self.assertIn("/\\udcff.ndjson.", quarantine)
        os.unlink(path)
        with self.assertRaisesRegex(Failure, r"/\\udcff\.ndjson"):
            journal.scan()
        # Such characters in a record stay what they are.
        journal.append([Draft("event", '{"x": "\uf7ff"}')])
        (page,) = journal.query()
        self.assertIn("\uf7ff", page.records)

    def test_a_link_to_a_file_name_that_is_not_text_is_served(self) -> None:
        target = os.fsdecode(os.fsencode(self.dir) + b"/\xff.ndjson")
        with open(target, "w") as file:
            file.write(RECORD + "damaged\n")
        self.path.symlink_to(target)
        self.assertTrue(self.journal().recover().changed)
        with open(target) as file:
            self.assertTrue(file.read().startswith(RECORD))
        self.assertTrue(self.path.is_symlink())

    def test_the_message_of_a_store_may_name_such_a_file(self) -> None:
        class Failing(MemoryStore):
            def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
                raise StoreError("full", "no space for \udcff")

        journal = Journal(ENGINE, Failing())
        with self.assertRaisesRegex(Failure, r"no space for \\udcff"):
            journal.append([Draft("event")])


if __name__ == "__main__":
    unittest.main()
