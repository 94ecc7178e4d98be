"""Arguments that are accepted, and the errors for others."""

from __future__ import annotations

import gc
import os
import unittest
import warnings
from collections.abc import Callable
from typing import Any

from papyra.persistence.backends.retention import RetentionPolicy
from papyra_persistence import (
    Draft,
    Engine,
    Failure,
    FileStore,
    Journal,
    Limits,
    MemoryStore,
    Retention,
    Rewritten,
    StoreError,
    WasiJournal,
)
from papyra_persistence.backend import JournalPersistence

ENGINE = Engine(os.environ["PAPYRA_ENGINE"])
FILES = Engine(os.environ["PAPYRA_PYTHON"])


class ValuesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.journal = Journal(ENGINE, MemoryStore())

    def refused(self, error: type[Exception], text: str, call: Callable[[], Any]) -> None:
        with self.assertRaisesRegex(error, text):
            call()

    def test_a_number_out_of_range_is_refused(self) -> None:
        journal = self.journal
        calls: dict[str, Callable[[int], Any]] = {
            "max_records": lambda number: Journal(ENGINE, MemoryStore(), Retention(Limits(number))),
            "max_total_bytes": lambda number: Journal(
                ENGINE, MemoryStore(), Retention(Limits(max_total_bytes=number))
            ),
            "sample": lambda number: journal.scan(sample=number),
            "limit": lambda number: list(journal.query(limit=number)),
            "max_findings": lambda number: journal.recover(max_findings=number, dry_run=True),
        }
        for name, call in calls.items():
            most = 2**32 if name == "max_findings" else 2**64
            for number in (-1, most):
                said = f"{name} must lie between 0 and {most - 1}, and is {number}"
                self.refused(ValueError, said, lambda: call(number))
        self.refused(ValueError, "limit must lie", lambda: journal.inspect(-1))

    def test_a_policy_out_of_range_is_refused_by_the_backend(self) -> None:
        for policy in (RetentionPolicy(max_records=2**64), RetentionPolicy(max_total_bytes=2**64)):
            self.refused(ValueError, "must lie", lambda: JournalPersistence("x", policy, engine=FILES))

    def test_an_engine_that_is_none_is_refused_by_the_backend_at_once(self) -> None:
        for error, engine in ((FileNotFoundError, "nowhere.wasm"), (ValueError, __file__)):
            self.refused(error, "", lambda: JournalPersistence("x", engine=engine))

    def test_an_engine_for_other_stores_is_refused_at_once(self) -> None:
        said = "needs an engine made from papyra-python.wasm"
        self.refused(TypeError, f"a FileStore {said}", lambda: Journal(ENGINE, FileStore("x")))
        self.refused(TypeError, said, lambda: JournalPersistence("x", engine=ENGINE))
        said = "a MemoryStore needs an engine made from papyra-engine.wasm"
        self.refused(TypeError, said, lambda: Journal(FILES, MemoryStore()))

    def test_limits_of_rotating_files_are_whole_numbers(self) -> None:
        for name in ("max_bytes", "max_files"):
            said = f"{name} must be a whole number"
            self.refused(TypeError, said, lambda name=name: FileStore("x", **{name: 1.5}))
        self.assertEqual(vars(FileStore("x", max_files=2))["max_bytes"], 50_000_000)
        self.assertEqual(vars(FileStore("x", max_bytes=2))["max_files"], 5)

    def test_a_store_that_is_not_synchronous_is_refused(self) -> None:
        class Later(MemoryStore):
            async def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
                raise AssertionError("never run")

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            journal = Journal(ENGINE, Later())
            said = "must be synchronous, and `append` returned"
            self.refused(Failure, said, lambda: journal.append([Draft("event")]))
            gc.collect()
        self.assertEqual(journal.metrics().write_errors, 1)

    def test_a_failed_append_says_how_much_was_written(self) -> None:
        class Failing(MemoryStore):
            error: Exception

            def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
                raise self.error

        cases = {
            ("full", False, "some"): StoreError("full", "no space", "some"),
            ("locked", True, "none"): StoreError("locked", "held", "none"),
            ("unavailable", True, "unknown"): StoreError("unavailable", "it does not say"),
            ("failed", False, "unknown"): OSError("neither does it"),
        }
        store = Failing()
        journal = Journal(ENGINE, store)
        for expected, store.error in cases.items():
            with self.assertRaises(Failure) as raised:
                journal.append([Draft("event")])
            failure = raised.exception
            self.assertEqual((failure.code, failure.retryable, failure.written), expected)
        with self.assertRaises(Failure) as raised:
            journal.append_lines("no record\n")
        self.assertEqual((raised.exception.code, raised.exception.written), ("invalid-record", "none"))
        with self.assertRaises(Failure) as raised:
            journal.compact()
        self.assertIsNone(raised.exception.written, "no append")

    def test_what_is_no_number_is_refused(self) -> None:
        for value in (2.0, "5", True):
            self.refused(TypeError, "limit must be a whole", lambda: self.journal.inspect(value))
        for value in ("5", True, b"5"):
            draft = Draft("event", "{}", value)
            self.refused(TypeError, "timestamp must be a num", lambda: self.journal.append([draft]))

    def test_names_that_are_none_are_refused_with_the_choices(self) -> None:
        journal = self.journal
        startup = "mode must be one of ignore, scan_only, fail, recover, and is 'bogus'"
        recovery = "must be one of repair, quarantine, and is 'bogus'"
        kind = "kind must be one of event, audit, dead_letter, metric, and is "
        self.refused(ValueError, startup, lambda: journal.startup_check("bogus"))
        self.refused(ValueError, recovery, lambda: journal.startup_check("fail", "bogus"))
        self.refused(ValueError, recovery, lambda: journal.recover("bogus"))
        self.refused(ValueError, kind, lambda: journal.append([Draft("bogus")]))
        self.refused(ValueError, kind, lambda: list(journal.query(kinds=["bogus"])))

    def test_both_spellings_of_a_name_will_do(self) -> None:
        for kind in ("dead_letter", "dead-letter"):
            self.journal.append([Draft(kind)])
            self.assertEqual(sum(page.count for page in self.journal.query(kinds=[kind])), 1)
            self.journal = Journal(ENGINE, MemoryStore())
        for mode in ("scan_only", "scan-only"):
            self.assertNotEqual(self.journal.startup_check(mode).outcome, "ignored")

    def test_things_of_another_type_are_refused(self) -> None:
        journal: Any = self.journal
        self.refused(TypeError, "drafts must be a list of Draft", lambda: journal.append([{}]))
        self.refused(TypeError, "drafts must be a list", lambda: journal.append(Draft("event")))
        self.refused(TypeError, "fields must be a str", lambda: journal.append([Draft("event", {})]))
        self.refused(TypeError, "lines must be a str", lambda: journal.append_lines(b"{}"))
        pair = [("a", "b")]
        self.refused(TypeError, "matching must be a list", lambda: list(journal.query(matching=pair)))
        self.refused(TypeError, "dry_run must be True", lambda: journal.recover(dry_run="no"))
        self.refused(TypeError, "retention must be", lambda: Journal(ENGINE, MemoryStore(), Limits(1)))

    def test_old_names_keep_working_with_a_warning(self) -> None:
        journal = self.journal
        journal.append([Draft("event")])
        limited = Journal(ENGINE, MemoryStore(), Retention(Limits(1)))
        calls: dict[str, Callable[[], Any]] = {
            "evidence_dir is now called quarantine_dir": lambda: FileStore("x", evidence_dir="q"),
            "record_fact is now called record_audit": lambda: journal.recover(record_fact=False),
            "keep_evidence is now called keep_quarantine": lambda: limited.compact(keep_evidence=False),
            "record_fact is now called": lambda: journal.startup_check(record_fact=False),
            "evidence is now called quarantine": lambda: Rewritten(1, 0, evidence=["q"]),
            "evidence_dir is now called": lambda: WasiJournal(ENGINE, "x", evidence_dir="q"),
        }
        for said, call in calls.items():
            with self.assertWarnsRegex(DeprecationWarning, said) as warned:
                call()
            self.assertEqual(warned.filename, __file__, "the warning points at the caller")
        with self.assertWarns(DeprecationWarning):
            self.assertEqual(FileStore("x", evidence_dir="/q").quarantine_dir, "/q")
            self.assertEqual(Rewritten(1, 0, evidence=["q"]), Rewritten(1, 0, ["q"]))
            FileStore("x", evidence_dir="q", quarantine_dir="q")
            said = "quarantine_dir and evidence_dir, its old name, have different values"
            self.refused(TypeError, said, lambda: FileStore("x", evidence_dir="a", quarantine_dir="b"))

    def test_a_whole_number_will_do_for_a_float(self) -> None:
        self.journal.append([Draft("event", "{}", 1738000000)])
        (page,) = self.journal.query(since=1738000000, until=1738000000)
        self.assertEqual(page.count, 1)
        aged = Journal(ENGINE, MemoryStore(), Retention(Limits(max_age_seconds=3600)))
        self.assertEqual(aged.inspect().records, 0)


if __name__ == "__main__":
    unittest.main()
