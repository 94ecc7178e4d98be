"""Log records in a journal."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import unittest
from typing import Any
from unittest import mock

from in_directory import FILES, InDirectory
from papyra_persistence import Engine, FileStore, Journal, MemoryStore, StoreError
from papyra_persistence.logs import JournalHandler


class LogsTest(InDirectory):
    def logger(self, journal: Journal | None = None) -> logging.Logger:
        logger = logging.Logger("app.part")
        self.handler = JournalHandler(journal or self.journal())
        logger.addHandler(self.handler)
        self.addCleanup(self.handler.close)
        return logger

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.content().splitlines()]

    def payloads(self) -> list[dict[str, Any]]:
        return [record["payload"] for record in self.records()]

    def test_a_log_record_is_an_event_with_its_time_and_place(self) -> None:
        with mock.patch("time.time", return_value=1738000000.5), mock.patch(
            "time.time_ns", return_value=1738000000500000000
        ):
            self.logger().warning("%d actors", 3, extra={"actor": "a-1"})
        (record,) = self.records()
        payload = record.pop("payload")
        expected = {
            "kind": "event",
            "timestamp": 1738000000.5,
            "system_id": "local",
            "actor_address": "app.part",
            "event_type": "WARNING",
        }
        self.assertEqual((record, payload["message"]), (expected, "3 actors"))
        fields = {"file": __file__, "function": self._testMethodName, "actor": "a-1"}
        self.assertEqual(payload["fields"], {**payload["fields"], **fields})
        self.assertEqual(self.journal().scan().suspect, 0)

    def test_an_exception_has_its_traceback(self) -> None:
        logger = self.logger()
        try:
            raise KeyError("lost")
        except KeyError:
            logger.exception("it failed")
        (payload,) = self.payloads()
        self.assertEqual(payload["message"], "it failed")
        self.assertIn("Traceback (most", payload["fields"]["exception"])
        self.assertIn("KeyError: 'lost'", payload["fields"]["exception"])

    def test_a_formatter_makes_the_message(self) -> None:
        logger = self.logger()
        self.handler.setFormatter(logging.Formatter("<%(message)s>"))
        logger.info("x")
        self.assertEqual(self.payloads()[0]["message"], "<x>")

    def test_whatever_is_extra_is_kept(self) -> None:
        extra = {"kind": "mine", "line": 1, "odd": {1: float("nan"), "half": "\ud800"}}
        self.logger().info("x\ny", extra=extra)
        (payload,) = self.payloads()
        kept = {"kind": "mine", "extra_line": 1, "odd": {"1": "nan", "half": "\ud800"}}
        self.assertEqual(payload["fields"], {**payload["fields"], **kept})
        self.assertNotEqual(payload["fields"]["line"], 1)
        self.assertEqual(payload["message"], "x\ny")

    def test_a_record_below_the_level_is_not_written(self) -> None:
        logger = self.logger()
        self.handler.setLevel(logging.ERROR)
        logger.warning("no")
        self.assertEqual(self.content(), "")

    def test_what_cannot_be_written_is_reported_and_never_raised(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        missing = Journal(FILES, FileStore(self.dir / "missing/j.ndjson"))
        for logger, call in (
            (self.logger(missing), lambda logger: logger.error("there is no directory")),
            (self.logger(), lambda logger: logger.error("%d", "no number")),
            (self.logger(), lambda logger: logger.error("x", extra={"circle": circle})),
        ):
            with contextlib.redirect_stderr(io.StringIO()) as said:
                call(logger)
            self.assertIn("--- Logging error ---", said.getvalue())
        self.assertEqual(self.content(), "")

    def test_a_store_that_logs_does_not_log_for_ever(self) -> None:
        class Talking(MemoryStore):
            def append(self, lines: str, runs: Any) -> None:
                logger.warning("appending")
                written.append(lines)
                raise StoreError("full", "no room", "none")

        written: list[str] = []
        logger = self.logger(Journal(Engine(os.environ["PAPYRA_ENGINE"]), Talking()))
        with contextlib.redirect_stderr(io.StringIO()):
            logger.warning("first")
        self.assertEqual(len(written), 1)

    def test_a_closed_handler_opens_the_journal_again(self) -> None:
        logger = self.logger()
        logger.info("one")
        self.handler.close()
        logger.info("two")
        self.assertEqual([payload["message"] for payload in self.payloads()], ["one", "two"])


if __name__ == "__main__":
    unittest.main()
