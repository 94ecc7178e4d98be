"""Checks of arguments before they reach wasmtime-py, which truncates numbers silently and does not name the
argument that is invalid."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .text import check_argument

KINDS = ("event", "audit", "dead_letter", "metric")
RECOVERY_MODES = ("repair", "quarantine")
STARTUP_MODES = ("ignore", "scan_only", "fail", "recover")


def chosen(name: str, value: Any, choices: Sequence[str]) -> str:
    """Returns one of the choices as the contract spells it. Accepts both ``-`` and ``_``."""
    if isinstance(value, str) and value.replace("-", "_") in choices:
        return value.replace("_", "-")
    raise ValueError(f"{name} must be one of {', '.join(choices)}, and is {value!r}")


def all_are(name: str, values: Iterable[Any], cls: type) -> list[Any]:
    """Returns a list of the values, all of which must be instances of ``cls``."""
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {cls.__name__}, and is {values!r}")
    made = list(values)
    for value in made:
        if not isinstance(value, cls):
            raise TypeError(f"{name} must be a list of {cls.__name__}, and has {value!r} in it")
    return made


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, and is {value!r}")
    check_argument(name, value)
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, and is {value!r}")
    return value


def _whole(bits: int) -> Callable[[str, Any], int]:
    def checked(name: str, value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be a whole number, and is {value!r}")
        number = operator.index(value)
        if not 0 <= number < 1 << bits:
            raise ValueError(f"{name} must lie between 0 and {(1 << bits) - 1}, and is {number}")
        return number

    return checked


def _real(name: str, value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, and is {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be in the range of a float, and is not") from None


#: The fields of the contract that a program fills in.
_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("limit", "sample", "max_records", "max_total_bytes", "max_bytes"), _whole(64)),
    **dict.fromkeys(("max_findings", "max_files", "count", "max_deliveries", "wait_ms"), _whole(32)),
    **dict.fromkeys(("min_idle_ms",), _whole(64)),
    **dict.fromkeys(("timestamp", "since", "until", "max_age_seconds", "as_of"), _real),
    **dict.fromkeys(("fields", "field", "value", "cursor", "group", "consumer", "id"), _text),
    **dict.fromkeys(("dry_run", "force", "keep_quarantine", "record_audit", "full"), _flag),
    **dict.fromkeys(("allow_loss", "allow_expire_all"), _flag),
    "kind": lambda name, value: chosen(name, value, KINDS),
}


def checked(name: str, value: Any) -> Any:
    """Returns the value of a field as the contract has it. An absent one stays absent."""
    if value is None or name not in _FIELDS:
        return value
    return _FIELDS[name](name, value)
