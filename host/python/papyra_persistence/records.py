"""Conversion between Papyra's records and lines."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from papyra.persistence.models import PersistedAudit, PersistedDeadLetter, PersistedEvent

from .journal import Journal

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
#: Characters of an unreadable record that the log shows.
_SHOWN = 100


def line(kind: str, value: Any) -> str:
    """Returns a record as one line of JSON, in the form that Papyra's file backend writes: ``kind`` first.

    Values that JSON does not have are kept as text: infinities and NaN, keys and objects of other types.
    """
    fields = value if isinstance(value, Mapping) else _plain(value)
    if not isinstance(fields, Mapping):
        raise TypeError(f"a record is a dataclass or a mapping, not {type(value).__name__}")
    record = {"kind": kind, **{key: field for key, field in fields.items() if key != "kind"}}
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain)
        text.encode()
    except (TypeError, ValueError):
        # Also a lone surrogate, which `ensure_ascii` writes as an escape.
        text = json.dumps(_sayable(record), allow_nan=False)
    return text + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def _sayable(value: Any) -> Any:
    """Returns the same value in types that JSON has."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _sayable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sayable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    plain = _plain(value)
    return plain if isinstance(plain, str) else _sayable(plain)


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
