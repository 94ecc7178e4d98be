"""A test with a directory of its own."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from papyra_persistence import FileStore, StoreError


class InDirectory(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.path = self.dir / "events.ndjson"

    def store(self, **options: object) -> FileStore:
        return FileStore(self.path, quarantine_dir=self.dir / "quarantine", **options)

    def code_of_append(self, store: FileStore) -> str:
        try:
            store.append("late\n", [])
        except StoreError as error:
            return error.code
        return "written"

    def quarantine(self) -> list[str]:
        return [one.read_text() for one in (self.dir / "quarantine").iterdir()]
