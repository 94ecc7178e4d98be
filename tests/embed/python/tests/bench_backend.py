"""Papyra's own backend against ours on one file: `python bench_backend.py JOURNAL`. Ours runs before and
after each of Papyra's operations, whose results are checked to be the same."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.json import JsonFilePersistence
from papyra_persistence import Engine
from papyra_persistence.backend import JournalPersistence

OPERATIONS: dict[str, dict[str, Any]] = {"scan": {}, "list_events": {"limit": 1000}, "compact": {}}


async def main(journal: str) -> None:
    engine = Engine(os.environ["PAPYRA_ENGINE"])
    policy = RetentionPolicy(max_records=50_000)
    rows = []
    with tempfile.TemporaryDirectory(dir=Path(journal).parent) as directory:

        async def run(cls: Any, name: str, **more: Any) -> tuple[float, Any]:
            path = Path(directory, "copy.ndjson")
            shutil.copy(journal, path)
            backend = cls(path, policy, **more)
            began = time.perf_counter()
            result = await getattr(backend, name)(**OPERATIONS[name])
            return time.perf_counter() - began, result

        await run(JournalPersistence, "scan", engine=engine)
        for name in OPERATIONS:
            ours = [await run(JournalPersistence, name, engine=engine) for _ in range(3)]
            theirs = await run(JsonFilePersistence, name)
            ours += [await run(JournalPersistence, name, engine=engine) for _ in range(3)]
            same = "records" if name == "compact" else ""
            if not same and repr(ours[0][1]) != repr(theirs[1]):
                raise SystemExit(f"{name}: the results differ")
            if same and ours[0][1].after_records != theirs[1].after_records:
                raise SystemExit(f"{name}: the results differ")
            seconds = statistics.median(one for one, _ in ours)
            rows.append({"name": name, "ours": seconds, "theirs": theirs[0]})
    json.dump(rows, sys.stdout)


anyio.run(main, *sys.argv[1:])
