"""Signal handlers that raise, at every point of a call of the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import unittest

from papyra_persistence import Draft, Engine, Journal, MemoryStore

ENGINE = os.environ["PAPYRA_ENGINE"]
BEGIN = """
import os, signal, sys
from papyra_persistence import Description, Draft, Engine, Journal, MemoryStore

signal.signal(signal.SIGINT, signal.default_int_handler)
engine = Engine(os.environ["PAPYRA_ENGINE"])
"""


def ran(program: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own, which the fault would crash."""
    text = BEGIN + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)


class InterruptTest(unittest.TestCase):
    def check(self, program: str, code: int, said: str) -> None:
        done = ran(program)
        self.assertEqual((done.returncode, done.stdout), (code, said), done.stderr)

    def test_an_interrupt_at_any_point_of_a_call_is_raised_where_it_was_called(self) -> None:
        self.check(
            """
            class Read(MemoryStore):
                def describe(self):
                    return Description("test", "here")

            journal = Journal(engine, Read())
            journal.append([Draft("event")])
            original = signal.getsignal(signal.SIGINT)

            class Killing:
                def __init__(self, at):
                    self.left = at

                def __call__(self, _frame, event, _argument):
                    # Python looks for signals where a function begins, and not, for one, between
                    # having taken a lock and entering its `with`, where there are events as well.
                    self.left -= event == "call"
                    if self.left == 0 and event == "call":
                        os.kill(os.getpid(), signal.SIGINT)

            at = rounds = interrupted = 0
            while True:
                at, rounds = at + 11, rounds + 1
                killing = Killing(at)
                sys.setprofile(killing)
                try:
                    journal.scan()
                    sys.setprofile(None)
                except KeyboardInterrupt:
                    interrupted += 1
                finally:
                    sys.setprofile(None)
                assert signal.getsignal(signal.SIGINT) is original, at
                if killing.left > 0:
                    break
            # Python itself drops what is raised in a destructor.
            assert rounds > 50 and interrupted > 0.9 * rounds, (interrupted, rounds)
            print(journal.scan().records)
            """,
            0,
            "1\n",
        )

    def test_an_interrupted_rewrite_is_done_whole_or_taken_back(self) -> None:
        self.check(
            """
            import tempfile
            from papyra_persistence import FileStore

            directory = tempfile.TemporaryDirectory()
            path = os.path.join(directory.name, "j.ndjson")
            kept = os.path.join(directory.name, "quarantine")
            sound = '{"kind": "event", "timestamp": 1}\\n'
            damaged = sound + "damaged\\n" + sound
            files = Engine(os.environ["PAPYRA_PYTHON"])
            original = signal.getsignal(signal.SIGINT)

            class Killing:
                def __init__(self, at):
                    self.left = at

                def __call__(self, frame, event, _argument):
                    self.left -= event == "call" and frame.f_code.co_filename.endswith("disk.py")
                    if self.left == 0 and event == "call":
                        self.left = -1
                        os.kill(os.getpid(), signal.SIGINT)

            at = 0
            seen = set()
            while True:
                at += 1
                with open(path, "w") as file:
                    file.write(damaged)
                killing = Killing(at)
                journal = Journal(files, FileStore(path, quarantine_dir=kept))
                sys.setprofile(killing)
                try:
                    journal.recover("quarantine", record_audit=False)
                except KeyboardInterrupt:
                    pass
                finally:
                    sys.setprofile(None)
                assert signal.getsignal(signal.SIGINT) is original, at
                with open(path) as file:
                    text = file.read()
                assert text in (damaged, sound * 2), (at, text)
                seen.add(text)
                quarantine = os.listdir(kept) if os.path.isdir(kept) else []
                assert len(quarantine) == (text == sound * 2), (at, quarantine)
                assert not [name for name in os.listdir(directory.name) if "rewrite" in name], at
                for name in quarantine:
                    os.unlink(os.path.join(kept, name))
                journal.close()
                if killing.left > 0:
                    break
            assert len(seen) == 2 and at > 30, (seen, at)
            print("fine")
            """,
            0,
            "fine\n",
        )

    def test_a_long_scan_outside_of_python_can_be_interrupted(self) -> None:
        self.check(
            """
            import tempfile, time
            from papyra_persistence import FileStore

            with tempfile.NamedTemporaryFile("w") as file:
                file.write('{"kind": "event", "timestamp": 1, "x": "' + "x" * 900 + '"}\\n')
                file.flush()
                line = os.path.getsize(file.name)
                with open(file.name) as first:
                    lines = first.read() * (1 << 10)
                for _ in range(400):
                    file.write(lines)
                file.flush()
                journal = Journal(Engine(os.environ["PAPYRA_PYTHON"]), FileStore(file.name))
                began = time.perf_counter()
                journal.scan()
                whole = time.perf_counter() - began

                signal.setitimer(signal.ITIMER_REAL, whole / 4)
                signal.signal(signal.SIGALRM, signal.default_int_handler)
                began = time.perf_counter()
                try:
                    journal.scan()
                except KeyboardInterrupt:
                    took = time.perf_counter() - began
                    print("interrupted" if took < whole / 2 else f"{took} of {whole}")
            """,
            0,
            "interrupted\n",
        )

    def test_a_handler_that_ends_the_program_ends_it(self) -> None:
        self.check(
            """
            class Slow(MemoryStore):
                def append(self, lines, runs):
                    super().append(lines, runs)
                    os.kill(os.getpid(), signal.SIGTERM)
                    print("appended")

            signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
            Journal(engine, Slow()).append([Draft("event")])
            print("not reached")
            """,
            7,
            "appended\n",
        )

    def test_a_handler_that_returns_disturbs_nothing(self) -> None:
        self.check(
            """
            class Watched(MemoryStore):
                def append(self, lines, runs):
                    os.kill(os.getpid(), signal.SIGUSR1)
                    super().append(lines, runs)

            signal.signal(signal.SIGUSR1, lambda *_: print("seen"))
            print(Journal(engine, Watched()).append([Draft("event")]).records)
            """,
            0,
            "seen\n1\n",
        )

    def test_a_store_may_raise_what_is_no_exception(self) -> None:
        self.check(
            """
            class Leaving(MemoryStore):
                def append(self, lines, runs):
                    sys.exit(5)

            Journal(engine, Leaving()).append([Draft("event")])
            """,
            5,
            "",
        )

    def test_a_store_is_called_in_the_thread_of_the_program(self) -> None:
        import threading

        threads = []

        class Watched(MemoryStore):
            def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
                threads.append(threading.current_thread())

        Journal(Engine(ENGINE), Watched()).append([Draft("event")])
        self.assertEqual(threads, [threading.current_thread()])


if __name__ == "__main__":
    unittest.main()
