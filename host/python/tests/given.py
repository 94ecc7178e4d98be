"""Records of Papyra for the tests of its backends."""

from __future__ import annotations

from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent

NOW = 1_760_000_000.0


def event(number: int, timestamp: float | None = None, **payload: object) -> PersistedEvent:
    at = NOW + number if timestamp is None else timestamp
    return PersistedEvent("local", "local:1", "Happened", {"n": number, **payload}, at)


def audit(number: int) -> PersistedAudit:
    return PersistedAudit("local", NOW + number, 3, 2, 1, 0, 2, ("orphan",), (), number)


def dead_letter(number: int) -> PersistedDeadLetter:
    return PersistedDeadLetter("local", None, "str", {"ü": [1.5, None, "\u2028"]}, NOW + number)


async def fill(backend: object, count: int = 10) -> None:
    for number in range(count):
        await backend.record_event(event(number, text="é"))
        if number % 3 == 0:
            await backend.record_audit(audit(number))
        if number % 4 == 0:
            await backend.record_dead_letter(dead_letter(number))
