"""Checks of text. A Python string can hold one half of a surrogate pair, which no UTF-8 and so no journal
can. The rules and messages are those of the host in Node."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .errors import Failure


def check_argument(name: str, text: str) -> None:
    """Refuses an argument that is not text."""
    at = _half(text)
    if at is not None:
        raise Failure("invalid-argument", f"{name} has {_named(text, at)}, which is not text")


def check_fields(fields: Sequence[object]) -> None:
    """Refuses the fields of new records if those of one are not text. Other objects are refused elsewhere."""
    for number, text in enumerate(fields, 1):
        if isinstance(text, str) and (at := _half(text)) is not None:
            raise _refused(number, f"`fields` has {_named(text, at)}", text[at])


def check_lines(lines: str) -> None:
    """Refuses lines of which one is not text."""
    at = _half(lines)
    if at is not None:
        start = lines.rfind("\n", 0, at) + 1
        line = lines[start:]
        number = lines.count("\n", 0, at) + 1
        raise _refused(number, f"it has {_named(line, at - start)}", lines[at])


def check_path(path: str | bytes) -> None:
    """Refuses a path that can name no file. Bytes that are not UTF-8 can."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        said = f"path has {_named(str(path), error.start)}, which is not text"
        raise Failure("invalid-argument", said) from None


def sayable(text: str) -> str:
    """Returns a text for people in which such halves, as in file names that are not UTF-8, are escapes."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


#: Bytes of paths that are not UTF-8, as Python has them and as characters for private use.
_PRIVATE = {0xDC00 + byte: 0xF700 + byte for byte in range(0x80, 0x100)}
_HALVES = {there: here for here, there in _PRIVATE.items()}
_ESCAPES = {there: f"\\u{here:04x}" for here, there in _PRIVATE.items()}


class Paths:
    """Paths as a component is told them, which must be text."""

    def __init__(self) -> None:
        #: A path that is not text has been told. Only then such characters are not taken for themselves.
        self.odd = False

    def told(self, path: str) -> str:
        if _half(path) is None:
            return path
        self.odd = True
        return path.translate(_PRIVATE)

    def meant(self, told: str) -> str:
        return told.translate(_HALVES) if self.odd else told

    def sayable(self, text: str) -> str:
        """Returns what the component says about paths, as `sayable` would."""
        return text.translate(_ESCAPES) if self.odd else text


def _half(text: str) -> int | None:
    """Returns the place of the first half of a pair."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _named(text: str, at: int) -> str:
    return f"half of a surrogate pair (U+{ord(text[at]):04X}) as character {at + 1}"


def _refused(number: int, reason: str, half: str) -> Failure:
    said = f"record {number} cannot be written: {reason}"
    advice = f"write it as \\u{ord(half):04x}; nothing was written"
    return Failure("invalid-record", f"{said}; {advice}", line=number, written="none")
