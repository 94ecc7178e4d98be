"""Loads components and runs instances of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime.component import Func, Instance, Linker

from . import forks
from .compiled import Compiled
from .disk import Disk
from .errors import EngineError, Failure
from .file import FileStore
from .host import Host, link_clock
from .interrupts import Interrupts, Stopped
from .packaged import FILES, STORE, WASI, packaged
from .room import Room
from .store import Store
from .values import outcome

#: The exported interfaces.
JOURNAL = "papyra:persistence/journal@0.2.0"
CONSUMER = "papyra:persistence/consumer@0.2.0"
#: Maximum memory of an instance. Its need does not depend on the size of the journal.
MEMORY_LIMIT = 64 << 20
#: The interfaces that tell the components apart.
_INTERFACES = {FILES: "papyra:persistence/disk-text", STORE: "papyra:persistence/storage"}


class Engine(forks.OfOneProcess):
    """The compiled engine. One per process is enough; several threads may use it."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        memory_limit: int = MEMORY_LIMIT,
        cache: bool = True,
    ):
        """Takes the components of this package: that for a `FileStore`, and that for any other store, are
        compiled when they are needed first. With ``path``, compiles that component at once:
        ``papyra-python.wasm``, for a `FileStore`, or ``papyra-engine.wasm``, for any other store.

        Compiling takes 0.3 seconds, or 6 ms if wasmtime's ``cache`` in the user's cache directory has the
        compiled code already. ``memory_limit`` is the maximum memory of an instance, in bytes.

        Where address space is limited (``ulimit -v``), each instance reserves no more than that instead of
        4 GiB; the code for that is slower by some percent, and cached apart. Raises `EngineError` if the
        limit leaves less than it takes to compile the engine."""
        self._room = Room(memory_limit)
        self._memory_limit = memory_limit
        self._cache = cache
        self._own = None if path is None else self._compile(path)
        if path is None:
            # What is wrong is said here, and not by the first call.
            packaged(FILES)
            self._room.check_engine()
        self._packaged: dict[str, Compiled] = {}
        self._forked()
        forks.track(self)

    def _forked(self) -> None:
        self._lock = threading.RLock()

    def _compile(self, path: str | os.PathLike[str]) -> Compiled:
        return Compiled(path, self._room, self._cache)

    def _component(self, name: str) -> Compiled:
        """Returns the component that this engine has for the one of this name in the package."""
        if self._own is not None:
            return self._own
        with self._lock:
            if name not in self._packaged:
                self._packaged[name] = self._compile(packaged(name))
            return self._packaged[name]

    def check(self, store: Store | FileStore) -> None:
        """Raises `TypeError` if the component is not made for the store."""
        if self._own is None:
            return
        name = _name_for(store)
        if not self._own.needs(_INTERFACES[name]):
            raise TypeError(
                f"a {type(store).__name__} needs an engine made from {name}, and this one is made from "
                "another component"
            )

    def instantiate(
        self, store: Store | FileStore, clock: Callable[[], float] | None = None
    ) -> Session:
        """Makes an instance over one store. ``clock`` replaces the wall clock (seconds since the epoch)."""
        self.check(store)
        compiled = self._component(_name_for(store))
        interrupts, wasi = Interrupts(), None
        reach: Host | Disk
        if isinstance(store, FileStore):
            wasi = wasmtime.WasiConfig()
            # The threads of WASI take address space, too.
            reach = Disk(store, self._room.roomy and _preopened(wasi, store.path))
        else:
            reach = Host(store)
        with interrupts:
            linker = Linker(compiled.engine)
            if wasi is not None:
                linker.add_wasip2()
            reach.link(linker, interrupts)
            if wasi is None or clock is not None:
                # That of WASI has another version, and so gives way to the very one that is asked for.
                link_clock(linker, clock, interrupts)
            session = self._session(linker, compiled, reach, interrupts, wasi)
        interrupts.settle()
        return session

    def instantiate_wasi(self, wasi: wasmtime.WasiConfig) -> Session:
        """Makes an instance of a component that needs nothing but WASI. Refused in a child that was forked
        from a process that has used WASI."""
        if not _claim_wasi():
            raise Failure(
                "unsupported",
                "WASI cannot be used here, because this process was forked from one that has used it; start "
                "it with the method `spawn` of multiprocessing, or use a FileStore",
            )
        self._room.check_wasi()
        compiled = self._component(WASI)
        linker = Linker(compiled.engine)
        linker.add_wasip2()
        return self._session(linker, compiled, None, Interrupts(), wasi)

    def _session(
        self,
        linker: Linker,
        compiled: Compiled,
        reach: Host | Disk | None,
        interrupts: Interrupts,
        wasi: wasmtime.WasiConfig | None,
    ) -> Session:
        self._room.check_instance()
        store = wasmtime.Store(compiled.engine)
        store.set_limits(memory_size=self._memory_limit)
        if wasi is not None:
            store.set_wasi(wasi)
        instance = linker.instantiate(store, compiled.component)
        return Session(store, instance, reach, interrupts)


def _name_for(store: Store | FileStore) -> str:
    return FILES if isinstance(store, FileStore) else STORE


#: The process that has started the threads of wasmtime's WASI.
_wasi_process: int | None = None


def _claim_wasi() -> bool:
    """Returns whether this process may use WASI. Without the threads, which a child does not have, the first
    access to a file would wait for ever."""
    global _wasi_process
    _wasi_process = _wasi_process or os.getpid()
    return _wasi_process == os.getpid()


def _preopened(wasi: wasmtime.WasiConfig, path: str) -> bool:
    """Returns whether the component can read the journal by itself, under this name and the one that it
    resolves to."""
    directories = {os.path.dirname(path), os.path.dirname(os.path.realpath(path))}
    if not all(map(os.path.isdir, directories)) or not _claim_wasi():
        return False
    try:
        for directory in directories:
            wasi.preopen_dir(directory, directory, fs_mutable=False)
    except (wasmtime.WasmtimeError, UnicodeEncodeError):
        return False
    return True


class Session:
    """One instance, for one thread at a time. Do not use it again after `EngineError`."""

    def __init__(
        self,
        store: wasmtime.Store,
        instance: Instance,
        reach: Host | Disk | None,
        interrupts: Interrupts,
    ):
        self._store = store
        self._instance = instance
        self._reach = reach
        self._interrupts = interrupts
        self._interfaces: dict[str, Any] = {}
        self._functions: dict[tuple[str, str | None], Func] = {}

    def call(self, name: str, *arguments: Any, interface: str = JOURNAL) -> Any:
        """Calls a function of an exported interface.

        Raises `Failure` if the engine refuses, `EngineError` if it traps. An exception from a signal
        handler is raised as soon as the engine has ended.
        """
        function = self._function(name, interface)
        try:
            with self._interrupts:
                answer = function(self._store, *arguments)
                function.post_return(self._store)
                self._release()
        except Stopped:
            pass
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            if self._interrupts.raised is None:
                raise EngineError(f"the engine failed in `{name}`: {error}") from error
        self._interrupts.settle()
        succeeded, value = outcome(answer)
        if isinstance(self._reach, Disk):
            value = self._reach.readable(value)
        if not succeeded:
            where = value.segment, value.line
            raise Failure(value.code, value.message, *where, value.retryable, value.written)
        return value

    def close(self) -> None:
        """Closes what the instance has open in its store."""
        if self._reach is not None:
            self._reach.close()

    def _release(self) -> None:
        """Closes what was read. Every operation takes its own snapshot; keeping the last one would only hold
        files open."""
        if isinstance(self._reach, Host):
            self._reach.close()
        elif isinstance(self._reach, Disk) and self._reach.opened:
            self._reach.opened = False
            release = self._function("release", None)
            release(self._store)
            release.post_return(self._store)

    def _function(self, name: str, interface: str | None) -> Func:
        key = name, interface
        if key not in self._functions:
            where = None if interface is None else self._exported(interface)
            index = self._instance.get_export_index(self._store, name, where)
            function = index and self._instance.get_func(self._store, index)
            if function is None:
                raise EngineError(
                    f"the component does not export `{name}`; use component and package of one version"
                )
            self._functions[key] = function
        return self._functions[key]

    def _exported(self, interface: str) -> Any:
        if interface not in self._interfaces:
            index = self._instance.get_export_index(self._store, interface)
            if index is None:
                raise EngineError(
                    f"the component does not export `{interface}`; use component and package of one version"
                )
            self._interfaces[interface] = index
        return self._interfaces[interface]
