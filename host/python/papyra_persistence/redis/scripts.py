"""The scripts that run inside Redis, which are those of the Rust host; ``host/src/store/redis/scripts.rs`` says what
each does. A script sees one moment, and nothing comes in between: that makes "check, then remove" and "copy, then
remove" safe while others write and consume."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any


@cache
def _source(name: str) -> str:
    return (resources.files(__package__) / "scripts" / f"{name}.lua").read_text()


def _eval(names: Sequence[str], keys: Sequence[str], *arguments: Any) -> list[Any]:
    return ["EVAL", "".join(map(_source, names)), len(keys), *keys, *arguments]


def first(stream: str, number: int, kind: str, line: bytes) -> list[Any]:
    """Appends the first of several lines, with an id that begins with the microsecond."""
    return _eval(["first"], [stream], number, kind, line)


def gaps(stream: str, *pairs: str) -> list[Any]:
    """Counts the ranges without an entry before the first that holds one."""
    return _eval(["gaps"], [stream], *pairs)


def trim(stream: str, before: str, exactly: str, word: str) -> list[Any]:
    """Removes what lies before an id."""
    return _eval(["needed", "trim"], [stream], before, exactly, word)


def remove(
    stream: str, quarantine: str | None, word: str, most: int, *pairs: str
) -> list[Any]:
    """Removes entries one by one."""
    keys = [stream] if quarantine is None else [stream, quarantine]
    return _eval(["needed", "copy", "remove"], keys, word, most, *pairs)


def quarantine(stream: str, into: str, group: str, entry: str, reason: str) -> list[Any]:
    """Copies an entry to the quarantine and acknowledges it."""
    return _eval(["copy", "quarantine"], [stream, into], group, entry, reason)


def save_index(key: str, text: str) -> list[Any]:
    """Replaces a text, and nothing of another type."""
    return _eval(["save_index"], [key], text)
