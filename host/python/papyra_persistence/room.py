"""The address space that the limits of this process leave (``ulimit -v``).

wasmtime ends the process where it gets less than it counts on, so this is found out before it tries.
"""

from __future__ import annotations

import mmap

import wasmtime

from .errors import EngineError

#: The address space of 64 instances as wasmtime likes it: 4 GiB each, which spares every access to memory a
#: comparison, and what guards them.
_ROOMY = 64 * (4 << 30)
#: The maximum that a memory reserves where address space is scarce.
_SCARCE = 64 << 20
#: What compiling the engine takes, in one thread.
_COMPILING = 256 << 20
#: What an instance takes beside its memory: what crosses into it and out of it.
_BESIDE = 64 << 20
#: What the threads of WASI may take, each of which sets memory apart.
_THREADS = 512 << 20


def can_reserve(size: int) -> bool:
    """Returns whether this many bytes of address space can be reserved now. Takes no memory."""
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except (OSError, OverflowError):
        return False
    return True


class Room:
    """How an engine uses the address space."""

    def __init__(self, memory_limit: int):
        self.roomy = can_reserve(_ROOMY)
        self._reserved = min(memory_limit, _SCARCE)

    def configure(self, config: wasmtime.Config) -> None:
        """Has each instance reserve no more than the memory limit instead of 4 GiB, and one thread compile,
        where address space is scarce."""
        if self.roomy:
            return
        config.memory_reservation = self._reserved
        config.memory_reservation_for_growth = 0
        config.memory_guard_size = 64 << 10
        config.parallel_compilation = False

    def check_engine(self) -> None:
        """Raises `EngineError` if the engine cannot be compiled."""
        self._check("compiling the engine", _COMPILING)

    def check_instance(self) -> None:
        """Raises `EngineError` if there cannot be another instance."""
        self._check("an instance of the engine", self._reserved + _BESIDE)

    def check_wasi(self) -> None:
        """Raises `EngineError` if there cannot be another instance that uses WASI."""
        self._check("an instance of the engine over WASI", self._reserved + _BESIDE + _THREADS)

    def _check(self, what: str, size: int) -> None:
        if not self.roomy and not can_reserve(size):
            raise EngineError(
                f"{what} takes {size >> 20} MiB of address space, and the limit of this process leaves less; "
                "raise the limit on address space (ulimit -v)"
            )
