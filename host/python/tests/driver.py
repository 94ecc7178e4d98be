"""Answers the requests of the tests: one JSON object per line in, one out. The tests are written in Rust,
once for all languages; see tests/src/embed/."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from contract import contract
from papyra_persistence import (
    Chunk,
    Description,
    Draft,
    Engine,
    EngineError,
    Failure,
    FileStore,
    Journal,
    Limits,
    MemoryStore,
    Position,
    Retention,
    WasiJournal,
)
from papyra_persistence.engine import Session
from storage import Storage


class Broken(MemoryStore):
    """A store with a bug: its second append raises an error that is not a `StoreError`."""

    calls = 0

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        self.calls += 1
        if self.calls == 2:
            raise TypeError("a bug of the store")
        super().append(lines, runs)


class Flooding(MemoryStore):
    """A store that returns more than was asked for, and more than an instance can hold."""

    def describe(self) -> Description:
        return Description("flooding", "nowhere")

    def snapshot(self) -> Any:
        snapshot = super().snapshot()
        snapshot.segments = [dataclasses.replace(snapshot.segments[0], end=Position(0, 100))]
        snapshot.read = lambda _, at, most: Chunk(at, b"x" * (80 << 20), last=False)
        snapshot.read_back = lambda _, at, most: Chunk(Position(0, 0), b"x" * (80 << 20), last=True)
        return snapshot


class Driver:
    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}
        self.journal: Journal
        #: Makes an instance over the store that was opened last.
        self.start: Callable[[], Session]
        storage = Storage()
        self.storage_open, self.storage_call, self.storage_close = storage.open, storage.call, storage.close

    def open(
        self,
        engine: str,
        store: str,
        path: str = "",
        retention: dict[str, Any] | None = None,
        clock: float | None = None,
        **options: Any,
    ) -> None:
        if engine not in self.engines:
            self.engines[engine] = Engine(engine)
        loaded = self.engines[engine]
        policy = Retention(Limits(**(retention or {})))
        if store == "wasi":
            quarantine_dir = options.get("quarantine_dir")
            self.journal = WasiJournal(loaded, path, policy, quarantine_dir=quarantine_dir)
            return
        stores = {
            "file": lambda: FileStore(path, **options),
            "memory": lambda: MemoryStore(**options),
            "broken": Broken,
            "flooding": Flooding,
        }
        fixed = None if clock is None else lambda: clock
        opened = stores[store]()
        self.start = lambda: loaded.instantiate(opened, fixed)
        self.journal = Journal(loaded, opened, policy, clock=fixed)

    def contract(self, call: str, **given: Any) -> Any:
        return contract(self.start, call, given["with"])

    def append(self, drafts: list[dict[str, Any]]) -> Any:
        return self.journal.append(Draft(**draft) for draft in drafts)

    def query(self, pages: float = float("inf"), **selection: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"records": "", "count": 0}
        for page in self.journal.query(**selection):
            found["records"] += page.records
            found["count"] += page.count
            found["cursor"] = page.cursor
            pages -= 1
            if pages <= 0:
                break
        return found

    def run(self, op: str, request: dict[str, Any]) -> Any:
        if op in ("recover", "compact"):
            # Most of the suite compares bytes, so audit records are written only where a test asks for them.
            request.setdefault("record_audit", False)
        own = getattr(self, op, None)
        return own(**request) if own else getattr(self.journal, op)(**request)


def reply(driver: Driver, request: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        ok = driver.run(request.pop("op"), request)
    except Failure as failure:
        found = {"code": failure.code, "message": str(failure), "line": failure.line}
        return {"failure": found | {"retryable": failure.retryable, "written": failure.written}}
    except (EngineError, TypeError) as error:
        return {"trap": str(error)}
    seconds = time.perf_counter() - began
    ok = dataclasses.asdict(ok) if dataclasses.is_dataclass(ok) else ok or {}
    return {"ok": ok, "seconds": seconds}


def main() -> None:
    driver = Driver()
    for line in sys.stdin:
        json.dump(reply(driver, json.loads(line)), sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()


main()
