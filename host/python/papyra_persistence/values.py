"""Conversion between Python's values and those of the component model.

wasmtime keeps the contract's hyphens in the names of fields, so only ``getattr`` reaches ``max-records``.
This module turns them into underscores and back, and spells kinds as in records: ``dead_letter``.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, TypeVar

from wasmtime.component import Record, Variant

from .arguments import checked

T = TypeVar("T")


def record(**fields: Any) -> Record:
    """Returns a record of the contract."""
    made = Record()
    for name, value in fields.items():
        setattr(made, name.replace("_", "-"), checked(name, value))
    return made


def lowered(value: Any) -> Any:
    """Turns dataclasses, also those in lists and tuples, into records. Other values stay as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return record(**{name: lowered(getattr(value, name)) for name in names})
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return record(**{name: lowered(part) for name, part in value._asdict().items()})
    if isinstance(value, list):
        return [lowered(part) for part in value]
    return value


def raised(cls: type[T], value: Any) -> T:
    """Turns a record of the contract, and those nested in it, into a dataclass."""
    hints = _hints(cls)
    fields = {
        name: _fitted(hint, getattr(value, name.replace("_", "-"))) for name, hint in hints.items()
    }
    if isinstance(fields.get("kind"), str):
        fields["kind"] = fields["kind"].replace("-", "_")
    return cls(**fields)


_CACHE: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _CACHE:
        known = typing.get_type_hints(cls)
        _CACHE[cls] = {field.name: known[field.name] for field in dataclasses.fields(cls)}
    return _CACHE[cls]


def _fitted(hint: Any, value: Any) -> Any:
    if value is None or _is_plain(hint):
        return value
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(one for one in arguments if one is not type(None))
        return _fitted(hint, value)
    if hasattr(hint, "_fields"):
        return hint(*(getattr(value, name) for name in hint._fields))
    if typing.get_origin(hint) is list:
        return [_fitted(arguments[0], one) for one in value]
    return raised(hint, value)


@functools.cache
def _is_plain(hint: Any) -> bool:
    """Returns whether no record is in it."""
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        return False
    return all(map(_is_plain, typing.get_args(hint)))


def outcome(value: Any) -> tuple[bool, Any]:
    """Returns whether a `result` is `ok`, and its content. wasmtime tags a result only where both cases would
    otherwise look alike."""
    if isinstance(value, Variant) and value.tag in ("ok", "err"):
        return value.tag == "ok", value.payload
    is_failure = isinstance(value, Record) and hasattr(value, "code") and hasattr(value, "message")
    return not is_failure, value
