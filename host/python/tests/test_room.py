"""Limits on address space: a program works with what it gets, or is told which limit stops it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest

#: Limits, in MiB. From the last but two on, everything works.
LIMITS = (128, 256, 320, 512, 768, 1024, 2048, 4096, 8192)
ENOUGH = 2048
#: Maximum seconds for a program that compiles the engine at most once.
PATIENCE = 120

PROGRAM = """
import os, resource, sys
limit, home, cache, kind = int(sys.argv[1]) << 20, sys.argv[2], sys.argv[3] == "cache", sys.argv[4]
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from papyra_persistence import Draft, Engine, EngineError, FileStore, Journal, WasiJournal

path, component = os.path.join(home, "journal.ndjson"), os.environ["PAPYRA_PYTHON"]
try:
    if kind == "wasi":
        engine = Engine(component.replace("papyra-python", "papyra-wasi"), cache=cache)
        journal = WasiJournal(engine, path)
    else:
        engine = Engine(component, cache=cache)
        journal = Journal(engine, FileStore(path))
    journal.append([Draft("event", '{"text": "' + "x" * 1000 + '"}')] * 1000)
    with open(path, "a") as file:
        file.write("damaged\\n")
    assert journal.recover().changed
    others = []
    for _ in range(int(sys.argv[5])):
        others.append(Journal(engine, FileStore(path)))
        assert others[-1].scan().damaged == 0
except EngineError as error:
    print("refused:", error)
else:
    print("worked")
"""


class RoomTest(unittest.TestCase):
    def ended(self, limit: int, cache: str, kind: str = "file", others: int = 0) -> str:
        """Returns what a program says that has this address space, in MiB. It neither dies nor hangs."""
        with tempfile.TemporaryDirectory() as home:
            given = [str(limit), home, cache, kind, str(others)]
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *given],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def check(self, limit: int, said: str) -> None:
        if limit >= ENOUGH:
            self.assertEqual(said, "worked\n")
        elif said != "worked\n":
            self.assertRegex(said, r"^refused: .* of address space, and the limit .* \(ulimit -v\)\n$")

    def test_an_engine_works_or_names_the_limit(self) -> None:
        worked = []
        for limit in LIMITS:
            for cache in ("cache", "no cache"):
                with self.subTest(limit=limit, cache=cache):
                    said = self.ended(limit, cache)
                    self.check(limit, said)
                    worked += [limit] if said == "worked\n" else []
        self.assertIn(512, worked)

    def test_an_engine_over_wasi_works_or_names_the_limit(self) -> None:
        for limit in LIMITS:
            with self.subTest(limit=limit):
                self.check(limit, self.ended(limit, "cache", "wasi"))

    def test_one_instance_too_many_names_the_limit(self) -> None:
        self.assertEqual(self.ended(2048, "cache", others=8), "worked\n")
        said = self.ended(2048, "cache", others=40)
        self.assertRegex(said, r"^refused: an instance of the engine takes 128 MiB .* \(ulimit -v\)\n$")


if __name__ == "__main__":
    unittest.main()
