"""What is sent to other processes, and copied."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import multiprocessing
import os
import pickle
import types
import typing
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import papyra_persistence
from in_directory import FILES, InDirectory, line
from papyra_persistence import (
    Engine,
    EngineError,
    Failure,
    FileStore,
    Journal,
    MemoryStore,
    StoreError,
    WasiJournal,
    journal,
    reports,
    store,
)
from papyra_persistence.backend import JournalPersistence

#: They are made of threads, locks and memory.
OF_ONE_PROCESS = (Engine, Journal, JournalPersistence, MemoryStore, WasiJournal)
FAILURE = Failure("full", "no space", "j.ndjson", 7, True, "some")
ERRORS = (FAILURE, StoreError("locked", "held", "none"), EngineError("it trapped"))
#: A worker that ended without an answer must not keep the tests waiting.
PATIENCE = 30


def ways() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Yields every way to copy, and its name."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", lambda one, p=protocol: pickle.loads(pickle.dumps(one, p))
    yield "copy", copy.copy
    yield "deepcopy", copy.deepcopy


def values() -> Iterator[Any]:
    """Yields an instance of every public class that is a value."""
    for module in (reports, store, journal):
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__ and is_value(cls):
                yield sample(cls)


def is_value(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) or hasattr(cls, "_fields")


def sample(hint: Any) -> Any:
    """Returns some value of a type."""
    plain = {str: "text", int: 3, float: 1.5, bool: True, bytes: b"bytes"}
    if hint in plain:
        return plain[hint]
    if typing.get_origin(hint) is list:
        return [sample(typing.get_args(hint)[0])]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return sample(typing.get_args(hint)[0])
    return hint(**{name: sample(one) for name, one in typing.get_type_hints(hint).items()})


class CopyTest(InDirectory):
    def test_every_public_class_is_a_value_or_an_error_or_belongs_to_its_process(self) -> None:
        known = {type(one) for one in (*values(), *ERRORS)} | {*OF_ONE_PROCESS, FileStore}
        public = {getattr(papyra_persistence, name) for name in papyra_persistence.__all__}
        self.assertEqual(public - known, set())

    def test_a_value_is_equal_afterwards(self) -> None:
        found = list(values())
        self.assertGreater(len(found), 20)
        for one in found:
            for way, copied in ways():
                with self.subTest(way, one=type(one).__name__):
                    self.assertEqual(copied(one), one)

    def test_an_error_says_the_same_afterwards(self) -> None:
        FAILURE.note = "kept"  # type: ignore[attr-defined]
        for error in ERRORS:
            for way, copied in ways():
                with self.subTest(way, error=error):
                    again = copied(error)
                    self.assertIs(type(again), type(error))
                    self.assertEqual((str(again), vars(again)), (str(error), vars(error)))

    def test_a_file_store_works_afterwards(self) -> None:
        original = self.store(sync=False, create_parents=True, lock_wait=0.5, max_files=2)
        first = Journal(FILES, original)
        first.append_lines(line(1))
        written = line(1)
        for way, copied in ways():
            with self.subTest(way):
                again = copied(original)
                self.assertEqual(vars(again), vars(original))
                second = Journal(FILES, again)
                second.append_lines(line(2))
                first.append_lines(line(3))
                second.close()
                written += line(2) + line(3)
                self.assertEqual(self.content(), written)
        first.close()

    def test_the_others_say_that_each_process_makes_its_own(self) -> None:
        for cls in OF_ONE_PROCESS:
            for way, copied in ways():
                said = f"a {cls.__name__} belongs to its process"
                with self.subTest(way), self.assertRaisesRegex(TypeError, said):
                    copied(cls.__new__(cls))


def fail(error: BaseException) -> None:
    raise error


def count(path: str) -> int:
    return Journal(Engine(os.environ["PAPYRA_PYTHON"]), FileStore(path)).scan().records


class PoolTest(InDirectory):
    def test_errors_come_back_from_a_worker(self) -> None:
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(1) as pool:
                for error in ERRORS:
                    with self.subTest(method, error=error):
                        with self.assertRaises(type(error)) as raised:
                            pool.apply_async(fail, (error,)).get(PATIENCE)
                        self.assertEqual(str(raised.exception), str(error))

    def test_an_operation_that_fails_in_a_worker_fails_in_the_parent(self) -> None:
        self.path.write_text('{"kind": "event", "timestamp": 1}\n')
        with multiprocessing.get_context("fork").Pool(1) as pool:
            for path, code in ((self.path, None), (self.dir / "missing", "not-found"), (self.path, None)):
                answer = pool.apply_async(count, (str(path),))
                if code is None:
                    self.assertEqual(answer.get(PATIENCE), 1)
                    continue
                with self.assertRaises(Failure) as raised:
                    answer.get(PATIENCE)
                self.assertEqual(raised.exception.code, code)


if __name__ == "__main__":
    unittest.main()
