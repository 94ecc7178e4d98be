"""The store of ``papyra-python.wasm`` by itself, without the engine, for the suite of all stores: its interface
``storage``, call by call. Instances have numbers."""

from __future__ import annotations

from typing import Any

from contract import lowered, plain
from papyra_persistence import Engine, FileStore
from papyra_persistence.engine import Session
from wasmtime.component import Record, Variant

_STORAGE = "papyra:persistence/storage@0.2.0"
#: The cases of `storage-error`.
_CODES = ("unavailable", "full", "locked", "denied", "not-found", "unsupported", "corrupt", "failed")


class Storage:
    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._instances: dict[int, Session] = {}
        self._last = 0

    def open(self, component: str, path: str, **options: Any) -> dict[str, Any]:
        """Makes an instance over the files of a journal."""
        if component not in self._engines:
            self._engines[component] = Engine(component)
        self._last += 1
        self._instances[self._last] = self._engines[component].instantiate(FileStore(path, **options))
        return {"instance": self._last}

    def call(self, instance: int, name: str, parameters: list[Any]) -> dict[str, Any]:
        """Calls a function. Returns its answer, or what it refuses with."""
        session = self._instances[instance]
        store, interrupts = session._store, session._interrupts
        function = session._function(name, _STORAGE)
        with interrupts:
            answer = function(store, *map(lowered, parameters))
            function.post_return(store)
        interrupts.settle()
        if isinstance(answer, Variant) and answer.tag in ("ok", "err"):
            answer = answer.payload
        refusal, written = answer, None
        if isinstance(answer, Record) and hasattr(answer, "written"):
            refusal, written = answer.error, answer.written
        if isinstance(refusal, Variant) and refusal.tag in _CODES:
            return {"refusal": {"code": refusal.tag, "message": refusal.payload, "written": written}}
        if isinstance(answer, Record) and hasattr(answer, "data"):
            answer.data = _portable(answer.data)
        return {"answer": plain(answer)}

    def close(self, instance: int) -> None:
        """Ends an instance, as the end of its process would."""
        self._instances.pop(instance).close()


def _portable(data: Any) -> dict[str, str]:
    """Bytes as JSON can have them."""
    data = data.payload if isinstance(data, Variant) else data
    return {"text": data} if isinstance(data, str) else {"raw": list(data)}
