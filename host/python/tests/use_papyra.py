"""Runs Papyra itself: `python use_papyra.py OPERATION BACKEND TARGET [JSON]` prints one JSON document."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import anyio
from papyra.address import ActorAddress
from papyra.persistence.backends.redis import RedisStreamsConfig, RedisStreamsPersistence
from papyra.persistence.backends.retention import RetentionPolicy
from papyra.persistence.backends.rotating import RotatingFilePersistence
from papyra.persistence.json import JsonFilePersistence
from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent

NOW = 1_760_000_000.0


def backend(name: str, target: str, options: dict[str, Any]) -> Any:
    policy = RetentionPolicy(max_records=options.get("max_records"))
    if name == "json":
        return JsonFilePersistence(target, policy)
    if name == "rotating":
        return RotatingFilePersistence(target, max_bytes=2_000, max_files=4, retention_policy=policy)
    return RedisStreamsPersistence(RedisStreamsConfig(url=target), retention_policy=policy)


async def write(store: Any, count: int, **_: Any) -> int:
    """Writes all that Papyra can write, odd values too. Returns the number of records."""
    total = 0
    for number in range(count):
        address = ActorAddress("local", number) if number % 2 else f"local:{number}"
        odd = float("nan") if number % 10 == 9 else 1.5
        payload = {"n": number, "text": "é\u2028\U0001d11e\x00", "odd": odd, "path": [None, True]}
        await store.record_event(PersistedEvent("local", address, "E", payload, NOW + number))
        total += 1
        if number % 3 == 0:
            audit = PersistedAudit("local", NOW + number, 3, 2, 1, 0, 1, ("o",), (), number)
            await store.record_audit(audit)
            total += 1
        if number % 4 == 0:
            letter = PersistedDeadLetter("local", None, "str", {"n": number}, NOW + number)
            await store.record_dead_letter(letter)
            total += 1
    return total


async def read(store: Any, **_: Any) -> dict[str, Any]:
    """Returns what the backend lists, and the anomalies it finds."""
    events = await store.list_events()
    report = await store.scan()
    return {
        "events": [event.payload.get("n") for event in events],
        "audits": len(await store.list_audits()),
        "dead_letters": len(await store.list_dead_letters()),
        "anomalies": [one.type.name for one in report.anomalies],
    }


async def compact(store: Any, **_: Any) -> Any:
    return dataclasses.asdict(await store.compact())


async def main(operation: str, name: str, target: str, options: str = "{}") -> None:
    settings = json.loads(options)
    store = backend(name, target, settings)
    done = await {"write": write, "read": read, "compact": compact}[operation](store, **settings)
    await store.aclose()
    json.dump(done, sys.stdout)


anyio.run(main, *sys.argv[1:])
