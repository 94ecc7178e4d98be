"""Which way bytes cross the boundary.

wasmtime-py moves `list<u8>` one Python object a byte, at about 1 MB/s, and `string` at hundreds. So
bytes cross as text wherever they are UTF-8. A store may return fewer bytes than asked for, which is
how a stray byte costs no more than a few small calls: what is text around it crosses as text.
"""

from __future__ import annotations

from .store import Chunk, Position

#: At most so many bytes cross one by one in a call.
_RAW = 512


def forward(chunk: Chunk) -> tuple[str | bytes, bool]:
    """What to return for `read` of lines, and whether it is all of the chunk."""
    data = chunk.data
    try:
        return data.decode(), True
    except UnicodeDecodeError as error:
        if error.start > 0:
            return data[: error.start].decode(), False
    cut = data.find(b"\n", 0, _RAW) + 1 or min(_RAW, len(data))
    return data[:cut], cut == len(data)


def backward(chunk: Chunk) -> tuple[str | bytes, int]:
    """What to return for `read-back` of lines, and how many bytes at the front it leaves out."""
    data = chunk.data
    # The first bytes are often the rest of a character: that is no damage.
    skip = 0
    while skip < min(3, len(data) - 1) and data[skip] & 0xC0 == 0x80:
        skip += 1
    for at in (skip, max(skip, len(data) - 64 * 1024), max(skip, len(data) - 4 * 1024)):
        at = _boundary(data, at)
        try:
            return data[at:].decode(), at
        except UnicodeDecodeError:
            continue
    # What follows the last line end, or that line end alone, is as much as can be said of it.
    at = max(data.rfind(b"\n", 0, len(data) - 1) + 1, len(data) - _RAW)
    try:
        return data[at:].decode(), at
    except UnicodeDecodeError:
        return data[at:], at


def _boundary(data: bytes, at: int) -> int:
    """The next place at which a character can begin."""
    while at < len(data) - 1 and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def moved(position: Position, by: int) -> Position:
    """A position so many bytes on."""
    return Position(position.major, position.minor + by)
