"""Arguments of the program, looked at before they cross: wasmtime-py cuts numbers to size without a word,
and says of everything else only that it is not valid."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


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


#: Of the contract's fields those that hold numbers.
_NUMBERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("limit", "sample", "max_records", "max_total_bytes"), _whole(64)),
    "max_findings": _whole(32),
    **dict.fromkeys(("timestamp", "since", "until", "max_age_seconds", "as_of"), _real),
}


def checked(name: str, value: Any) -> Any:
    """The value of a field as the contract has it. Absent ones stay absent."""
    if value is None or name not in _NUMBERS:
        return value
    return _NUMBERS[name](name, value)
