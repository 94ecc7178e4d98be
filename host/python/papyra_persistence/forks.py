"""Keeps a child of `os.fork` from waiting for threads that it does not have.

Only the thread that forked goes on in the child. A lock that another thread held stays locked there for ever,
and what that thread was doing is never finished. Files that were open have their locks in common with the
parent.
"""

from __future__ import annotations

import os
import weakref
from typing import NoReturn, Protocol


class _Tracked(Protocol):
    def _forked(self) -> None:
        """Gets new locks, and leaves what the threads of the parent are doing to them."""


_TRACKED: weakref.WeakSet[_Tracked] = weakref.WeakSet()
_child = False


def track(one: _Tracked) -> None:
    """Calls ``_forked`` of an object in every child that is forked while the object exists."""
    _TRACKED.add(one)


def is_child() -> bool:
    """Returns whether this process was forked from one in which this package was in use already."""
    return _child


class OfOneProcess:
    """Base of what is made of threads, locks and memory, and so is neither copied nor sent to a process."""

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a {name} belongs to its process and is not copied; make one where it is used")


def _in_child() -> None:
    global _child
    _child = True
    for one in list(_TRACKED):
        one._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
