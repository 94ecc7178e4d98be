"""A journal that the component reaches through WASI, without storage code in Python."""

from __future__ import annotations

import os
from pathlib import Path

import wasmtime

from .engine import Engine, Session
from .journal import Journal
from .renamed import renamed
from .reports import Retention


class WasiJournal(Journal):
    """A journal in a file that ``papyra-wasi.wasm`` reaches through WASI. The component can reach the
    directory of the file, and nothing else.

    Bytes do not pass through Python, so scans run at the component's own speed. WASI has no locks
    between processes: only one may write at a time.
    """

    @renamed(evidence_dir="quarantine_dir")
    def __init__(
        self,
        engine: Engine,
        path: str | os.PathLike[str],
        retention: Retention | None = None,
        *,
        quarantine_dir: str | os.PathLike[str] | None = None,
    ):
        """``engine``: that of this package, or one made from ``papyra-wasi.wasm``. ``quarantine_dir``:
        directory for removed entries that are to be kept; the directory of the journal or one below it."""
        target = Path(path).absolute()
        env = [("PAPYRA_PATH", target.name)]
        if quarantine_dir is not None:
            env.append(("PAPYRA_QUARANTINE_DIR", os.path.relpath(quarantine_dir, target.parent)))
        self._start = lambda: _instantiate(engine, target, env)
        self._begin(retention)


def _instantiate(engine: Engine, path: Path, env: list[tuple[str, str]]) -> Session:
    wasi = wasmtime.WasiConfig()
    wasi.preopen_dir(str(path.parent), ".")
    wasi.env = env
    return engine.instantiate_wasi(wasi)
