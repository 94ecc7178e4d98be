"""Exceptions that are no `Exception`, kept away from wasmtime while the engine runs.

A callback of wasmtime-py must not be left by a `KeyboardInterrupt` or a `SystemExit`: wasmtime would go on
with an answer that was never written, and the process would die. A handler of a signal can raise one
anywhere, also in wasmtime-py's own part of a callback. So while the engine runs, what handlers raise is
kept, the next callback ends the engine, and then it is raised where the program called.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = tuple(sorted(signal.valid_signals()))
#: The one that Python wraps makes an enumeration of each answer, which takes ten times as long.
_handler_of = getattr(signal.getsignal, "__wrapped__", signal.getsignal)


class Stopped(Exception):
    """Ends the engine. It is never seen outside of the package."""


class Interrupts:
    """``with interrupts:`` around a call of the engine, and `settle` after it."""

    def __init__(self) -> None:
        #: What has to be raised after the call.
        self.raised: BaseException | None = None
        self._running = False
        self._replaced: list[tuple[int, Any, Any]] = []

    def check(self) -> None:
        """To be called at the beginning of each callback."""
        if self.raised is not None:
            raise Stopped("the call was interrupted")

    def settle(self) -> None:
        """Raises what was kept."""
        if self.raised is not None:
            raise self.raised

    def __enter__(self) -> None:
        self.raised = None
        if threading.current_thread() is not threading.main_thread():
            return  # Python runs the handlers of signals in the main thread only.
        self._running = True
        try:
            for number in _SIGNALS:
                if callable(handler := _handler_of(number)):
                    self._replace(number, handler)
        except BaseException:
            self._restore()
            raise

    def __exit__(self, *_exception: object) -> None:
        self._restore()

    def _replace(self, number: int, handler: Callable[..., Any]) -> None:
        def keeping(signum: int, frame: FrameType | None) -> None:
            if not self._running:
                handler(signum, frame)
                return
            try:
                handler(signum, frame)
            except BaseException as error:
                self.raised = self.raised or error

        self._replaced.append((number, keeping, handler))
        signal.signal(number, keeping)

    def _restore(self) -> None:
        self._running = False
        try:
            while self._replaced:
                number, keeping, handler = self._replaced[-1]
                # A store may have set another one meanwhile.
                if _handler_of(number) is keeping:
                    signal.signal(number, handler)
                self._replaced.pop()
        except BaseException:
            # From a handler that is in place again. The others must not stay behind for that.
            self._restore()
            raise
