"""Runs steps of the golden vectors on an instance; tests/golden/README.md describes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from papyra_persistence.engine import Session
from papyra_persistence.values import record
from wasmtime.component import Record

_FINDINGS = 1000
#: Fields that are integers in ``wit/``, and that the tests write as text.
_WHOLE = ("major", "minor")
#: Fields that are floating point numbers in ``wit/``, and that JSON may write as integers.
_FLOATS = ("since", "until", "timestamp", "max_age_seconds", "as_of")


def contract(start: Callable[[], Session], call: str, given: dict[str, Any]) -> Any:
    session = start()
    try:
        if call == "query":
            return {"pages": _pages(session, given)}
        return plain(session.call(call, *_parameters(call, given)))
    finally:
        session.close()


def _parameters(call: str, given: dict[str, Any]) -> list[Any]:
    given = given or {}
    if call == "scan":
        return [lowered({"max_findings": _FINDINGS, "sample": None} | given)]
    if call == "recover":
        flags = dict.fromkeys(("dry_run", "record_audit", "allow_loss"), False)
        return [lowered({"max_findings": _FINDINGS} | flags | given)]
    if call == "compact":
        retention = given.pop("retention", {})
        names = ("dry_run", "force", "keep_quarantine", "record_audit", "allow_expire_all", "full")
        flags = dict.fromkeys(names, False)
        return [_policy(retention), lowered(flags | {"as_of": None} | given)]
    if call == "inspect":
        return [lowered({"limit": given["limit"]}), _policy(given.get("retention", {}))]
    if call == "append":
        return [[lowered({"timestamp": None} | draft) for draft in given["drafts"]]]
    if call == "append-lines":
        return [given["lines"], given.get("lenient", False)]
    if call == "startup-check":
        return [lowered({"full": False, "record_audit": False} | given)]
    raise TypeError(f"there is no call {call}")


def _pages(session: Session, given: dict[str, Any]) -> list[dict[str, Any]]:
    absent = dict.fromkeys(("since", "until", "limit", "cursor"))
    usual = {"kinds": [], "matching": [], "order": "oldest-first", "no_index": False}
    selection = absent | usual | given.get("selection", {})
    pages, end = [], False
    while not end:
        page = session.call("query", lowered(selection), _policy(given.get("retention", {})))
        selection["cursor"], end = page.cursor, page.end
        names = ("records", "count", "damaged", "end")
        times = [None if math.isnan(time) else time for time in page.times]
        pages.append({"times": times} | {name: getattr(page, name) for name in names})
    return pages


def _policy(retention: dict[str, Any]) -> Record:
    per_kind = [
        record(kind=one["kind"], limits=_limits(one["limits"]))
        for one in retention.get("per_kind", [])
    ]
    return record(journal=_limits(retention.get("journal", {})), per_kind=per_kind)


def _limits(limits: dict[str, Any]) -> Record:
    absent = dict.fromkeys(("max_records", "max_age_seconds", "max_total_bytes"))
    return lowered(absent | limits)


def lowered(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return record(**{name: lowered(inner, name) for name, inner in value.items()})
    if isinstance(value, list):
        return [lowered(one) for one in value]
    if name in _WHOLE:
        return int(value)
    return float(value) if name in _FLOATS and value is not None else value


def plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {name.replace("-", "_"): plain(inner) for name, inner in vars(value).items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value
