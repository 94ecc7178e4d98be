"""Conversion between Papyra's records and lines."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent

from .journal import Journal
from .sayable import dumps, plain

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
#: Characters of an unreadable record that the log shows.
_SHOWN = 100


def line(kind: str, value: Any) -> str:
    """Returns a record as one line of JSON, in the form that Papyra's file backend writes: ``kind`` first. Values
    that JSON does not have are kept as text."""
    fields = value if isinstance(value, Mapping) else plain(value)
    if not isinstance(fields, Mapping):
        raise TypeError(f"a record is a dataclass or a mapping, not {type(value).__name__}")
    record = {"kind": kind, **{key: field for key, field in fields.items() if key != "kind"}}
    return dumps(record) + "\n"


def newest(
    journal: Journal,
    kind: str,
    build: Callable[[dict[str, Any]], T | None],
    limit: int | None,
    since: float | None,
) -> tuple[T, ...]:
    """Returns the newest records of a kind, oldest first. Papyra does not accept records without a
    timestamp, so they do not count towards the limit."""
    wanted = limit
    while True:
        found: list[T] = []
        seen = 0
        for page in journal.query(kinds=[kind], since=since, limit=wanted):
            seen += page.count
            # Not `splitlines`, which also splits at U+2028 and the like.
            for text in page.records.removesuffix("\n").split("\n"):
                row = _row(kind, text)
                one = None if row is None else build(row)
                if one is not None:
                    found.append(one)
        exhausted = wanted is None or seen < wanted
        if exhausted or limit is None or len(found) >= limit:
            return tuple(found if limit is None else found[len(found) - min(limit, len(found)) :])
        wanted = 2 * wanted + 1000


def _row(kind: str, text: str) -> dict[str, Any] | None:
    """Returns a stored record, or ``None`` for sound JSON that Python refuses: numbers with too many digits,
    or too deep nesting. Such a record must not hide all others."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        _LOG.warning(
            "a record of kind %s with %d characters cannot be read and is left out: %s; it begins with %s",
            kind,
            len(text),
            error,
            text[:_SHOWN],
        )
        return None


def event(row: dict[str, Any]) -> PersistedEvent | None:
    return _built(
        PersistedEvent,
        row,
        {"system_id": "local", "actor_address": None, "event_type": "", "payload": {}},
    )


def audit(row: dict[str, Any]) -> PersistedAudit | None:
    lists = ("registry_orphans", "registry_dead")
    names = (field.name for field in dataclasses.fields(PersistedAudit))
    missing: dict[str, Any] = {name: () if name in lists else 0 for name in names}
    missing["system_id"] = "local"
    return _built(PersistedAudit, row, missing)


def dead_letter(row: dict[str, Any]) -> PersistedDeadLetter | None:
    missing = {"system_id": "local", "target": None, "message_type": "", "payload": None}
    return _built(PersistedDeadLetter, row, missing)


def _built(cls: type[T], row: dict[str, Any], missing: dict[str, Any]) -> T | None:
    """Builds a record of Papyra. Leaves out fields that it does not have, and fills in missing ones."""
    if "timestamp" not in row:
        return None
    values = {**missing, **row}
    return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})
