"""Keeps `KeyboardInterrupt` and `SystemExit` away from wasmtime while the engine runs.

Such an exception must not leave a callback of wasmtime-py: wasmtime would continue with an answer that was
never written, and the process would crash. A signal handler can raise one at any point, also in
wasmtime-py's own part of a callback. So while the engine runs, exceptions of handlers are kept, the next
callback ends the engine, and then the exception is raised in the program's call.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from . import forks

_SIGNALS = tuple(sorted(signal.valid_signals()))
try:
    # The wrapper in `signal` turns each answer into an enumeration, which takes up to sixty times as long.
    from _signal import getsignal as _handler_of
except ImportError:
    _handler_of = signal.getsignal


class Stopped(Exception):
    """Ends the engine. It never leaves the package."""


class Interrupts:
    """``with interrupts:`` around a call of the engine, and `settle` after it."""

    def __init__(self) -> None:
        #: The exception to raise after the call.
        self.raised: BaseException | None = None
        self._running = False
        self._thread = 0
        self._replaced: list[tuple[int, Any, Any]] = []
        forks.track(self)

    def _forked(self) -> None:
        # The main thread of the parent was inside a call, and is missing here. Its handlers would keep every
        # exception for the end of that call.
        if self._running and self._thread != threading.get_ident():
            self._restore()

    def guarded(
        self,
        function: Callable[..., Any],
        refusal: Callable[[Exception], Any],
        ends: type[Exception] | None = Stopped,
    ) -> Callable[..., Any]:
        """Returns a callback for wasmtime. ``refusal`` turns an exception into the answer of the import, or
        raises it again, which ends the instance. ``ends`` is raised if another exception is waiting."""

        def call(_store: object, *arguments: Any) -> Any:
            try:
                if ends is not None and self.raised is not None:
                    raise ends("the call was interrupted")
                return function(*arguments)
            except Exception as error:
                return refusal(error)
            except BaseException as error:
                self.raised = error
                raise Stopped("the call was interrupted") from error

        return call

    def settle(self) -> None:
        """Raises the exception that was kept, if any."""
        if self.raised is not None:
            raise self.raised

    def __enter__(self) -> None:
        self.raised = None
        if threading.current_thread() is not threading.main_thread():
            return  # Python runs signal handlers in the main thread only.
        self._running = True
        self._thread = threading.get_ident()
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
                # A store may have set another handler meanwhile.
                if _handler_of(number) is keeping:
                    signal.signal(number, handler)
                self._replaced.pop()
        except BaseException:
            # A handler that is in place again raised this. The remaining ones must be restored too.
            self._restore()
            raise
