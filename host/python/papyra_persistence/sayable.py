"""Values of Python as JSON, whatever they are."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(fields: Mapping[str, Any]) -> str:
    """Returns an object of JSON on one line. Values that JSON does not have are kept as text: infinities and NaN,
    keys and objects of other types, and halves of surrogate pairs as escapes."""
    try:
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False, default=plain)
        text.encode()
    except (TypeError, ValueError):
        # Also a lone surrogate, which `ensure_ascii` writes as an escape.
        text = json.dumps(_sayable(fields), allow_nan=False)
    return text


def plain(value: Any) -> Any:
    """Returns the fields of a dataclass, and anything else as text."""
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
    told = plain(value)
    return told if isinstance(told, str) else _sayable(told)
