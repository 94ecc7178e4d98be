"""Moves bytes across the boundary.

wasmtime-py moves `list<u8>` as one Python object per byte, at about 1 MB/s, and `string` at hundreds of
MB/s. So bytes cross as text if they are UTF-8. A store may return fewer bytes than asked for, so a stray
byte costs only a few small calls: the text around it still crosses as text.
"""

from __future__ import annotations

from .store import Chunk, Position

#: Maximum bytes to read at once after a piece that was not ASCII. Python keeps a text with an emoji in four
#: bytes a character, and a larger one falls out of the processor's cache (a scan takes 1.2 times as long).
#: ASCII is read in pieces as large as the engine asks for, because calls are expensive.
MOST_TEXT = 384 << 10
#: Maximum number of bytes in a call that cross one by one.
_RAW = 512


def forward(data: bytes) -> tuple[str | bytes, bool]:
    """Returns as much of the beginning as crosses at once, and whether that is everything."""
    try:
        return data.decode(), True
    except UnicodeDecodeError as error:
        if error.start > 0:
            return data[: error.start].decode(), False
    cut = data.find(b"\n", 0, _RAW) + 1 or min(_RAW, len(data))
    return data[:cut], cut == len(data)


def backward(chunk: Chunk) -> tuple[str | bytes, int]:
    """Returns the answer to `read-back` of lines, and the number of bytes at the front that it leaves out."""
    data = chunk.data
    # The first bytes are often the rest of a character, which is not damage.
    skip = 0
    while skip < min(3, len(data) - 1) and data[skip] & 0xC0 == 0x80:
        skip += 1
    for at in (skip, max(skip, len(data) - 64 * 1024), max(skip, len(data) - 4 * 1024)):
        at = _boundary(data, at)
        try:
            return data[at:].decode(), at
        except UnicodeDecodeError:
            continue
    # Only the part after the last line end, or that line end alone, can cross.
    at = max(data.rfind(b"\n", 0, len(data) - 1) + 1, len(data) - _RAW)
    try:
        return data[at:].decode(), at
    except UnicodeDecodeError:
        return data[at:], at


def _boundary(data: bytes, at: int) -> int:
    """Returns the next offset at which a character can begin."""
    while at < len(data) - 1 and data[at] & 0xC0 == 0x80:
        at += 1
    return at


def moved(position: Position, by: int) -> Position:
    """Returns the position ``by`` bytes later."""
    return Position(position.major, position.minor + by)
