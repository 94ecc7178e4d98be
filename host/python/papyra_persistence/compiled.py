"""A compiled component."""

from __future__ import annotations

import contextlib
import os

import wasmtime
from wasmtime.component import Component

from . import forks
from .room import Room


class Compiled:
    """A component, and the engine of wasmtime that it belongs to."""

    def __init__(self, path: str | os.PathLike[str], room: Room, cache: bool):
        room.check_engine()
        config = _config(cache)
        room.configure(config)
        self.engine = wasmtime.Engine(config)
        self.component = Component.from_file(self.engine, os.fspath(path))
        self._imports = tuple(self.component.type.imports(self.engine))

    def needs(self, interface: str) -> bool:
        """Returns whether the component needs an interface, of any version."""
        return any(one.startswith(f"{interface}@") for one in self._imports)


def _config(cache: bool) -> wasmtime.Config:
    config = wasmtime.Config()
    if forks.is_child():
        # A compilation of the parent has left no threads here, for which another one would wait for ever.
        config.parallel_compilation = False
    if cache:
        # Without a usable cache, every process compiles the component.
        with contextlib.suppress(wasmtime.WasmtimeError):
            config.cache = True
    return config
