"""A test with a directory of its own."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path

from papyra_persistence import Draft, Engine, Failure, FileStore, Journal, Retention

#: For journals in files.
FILES = Engine(os.environ["PAPYRA_PYTHON"])


class InDirectory(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.path = self.dir / "events.ndjson"

    def store(self, **options: object) -> FileStore:
        return FileStore(self.path, quarantine_dir=self.dir / "quarantine", **options)

    def journal(self, retention: Retention | None = None, **options: object) -> Journal:
        journal = Journal(FILES, self.store(**options), retention)
        self.addCleanup(journal.close)
        return journal

    def code_of_append(self, journal: Journal) -> str:
        try:
            journal.append([Draft("event")])
        except Failure as failure:
            return failure.code
        return "written"

    def content(self) -> str:
        return self.path.read_text() if self.path.exists() else ""

    def quarantine(self) -> list[str]:
        return [one.read_text() for one in (self.dir / "quarantine").glob("[!.]*.quarantine")]


def line(number: int, kind: str = "event") -> str:
    """Returns a sound line."""
    return f'{{"kind": "{kind}", "timestamp": {number}}}\n'
