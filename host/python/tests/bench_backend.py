"""Compares Papyra's own backend with ours: `python bench_backend.py JOURNAL BYTES`, on that journal and on
one of that many bytes that Papyra writes. Ours runs before and after each of Papyra's operations, and the
results must be equal."""

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
from papyra.address import ActorAddress
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.json import JsonFilePersistence
from papyra.persistence.models import PersistedEvent
from papyra_persistence import Engine
from papyra_persistence.backend import JournalPersistence

OPERATIONS: dict[str, dict[str, Any]] = {"scan": {}, "list_events": {"limit": 1000}, "compact": {}}


async def written_by_papyra(path: Path, size: int) -> None:
    """Writes the life of an actor as Papyra records it, repeatedly: its files hold little else."""
    backend = JsonFilePersistence(path)
    for number in range(100):
        actor, at = ActorAddress("local", number), 1_760_000_000.0 + number
        life: list[tuple[str, dict[str, Any]]] = [
            ("ActorStarted", {}),
            ("ActorCrashed", {"error": f"KeyError('order {number}')"}),
            ("ActorRestarted", {"reason": f"KeyError('order {number}')"}),
            ("ActorStopped", {"reason": "shutdown"}),
        ]
        for step, (kind, payload) in enumerate(life):
            await backend.record_event(PersistedEvent("local", actor, kind, payload, at + step / 10))
    await backend.aclose()
    lines = path.read_bytes()
    path.write_bytes(lines * (size // len(lines) + 1))


async def compare(
    engine: Engine, journal: Path, policy: RetentionPolicy
) -> list[dict[str, Any]]:
    rows = []
    copy = journal.with_name("copy.ndjson")

    async def run(cls: Any, name: str, **more: Any) -> tuple[float, Any]:
        shutil.copy(journal, copy)
        backend = cls(copy, policy, **more)
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
    return rows


async def main(journal: str, size: str) -> None:
    engine = Engine(os.environ["PAPYRA_PYTHON"])
    policy = RetentionPolicy(max_records=50_000)
    with tempfile.TemporaryDirectory(dir=Path(journal).parent) as directory:
        given, written = Path(directory, "given.ndjson"), Path(directory, "written.ndjson")
        os.link(journal, given)
        await written_by_papyra(written, int(size))
        tables = {
            "the journal above": await compare(engine, given, policy),
            f"{int(size) / 1e6:.0f} MB that Papyra has written": await compare(engine, written, policy),
        }
    json.dump(tables, sys.stdout)


anyio.run(main, *sys.argv[1:])
