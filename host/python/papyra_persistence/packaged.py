"""The components that the wheel has beside its modules."""

from __future__ import annotations

from pathlib import Path

#: For a `FileStore`, for any other store, and for a `WasiJournal`.
FILES, STORE, WASI = "papyra-python.wasm", "papyra-engine.wasm", "papyra-wasi.wasm"


def packaged(name: str) -> Path:
    """Returns the path of a component of this package. Raises `FileNotFoundError` if the package was installed
    from its sources, which have none in them."""
    path = Path(__file__).with_name(name)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing: papyra-persistence was installed from its sources; install the wheel that "
            f"`make dist` builds, or give the path of {name}"
        )
    return path
