"""The engine with its own store over WASI: no storage code in Python at all."""

from __future__ import annotations

import os
from pathlib import Path

import wasmtime

from .engine import Engine, Session
from .journal import Journal
from .reports import Retention


class WasiJournal(Journal):
    """A journal in a file, reached by ``papyra-wasi.wasm`` through WASI. It can reach the file's
    directory and nothing else.

    Bytes do not pass through Python, so scans run at the component's own speed. What WASI cannot
    promise, such as locks between processes, is said in the README.
    """

    def __init__(
        self,
        engine: Engine,
        path: str | os.PathLike[str],
        retention: Retention | None = None,
        *,
        quarantine_dir: str | os.PathLike[str] | None = None,
    ):
        """``engine`` must have been made from ``papyra-wasi.wasm``. ``quarantine_dir``: where a rewrite
        puts what it is asked to keep, in the directory of the journal or below it."""
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
