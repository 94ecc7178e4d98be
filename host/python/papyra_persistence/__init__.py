"""Papyra's journal engine, a WebAssembly component, in Python.

``Engine`` is the compiled engine, a store keeps the bytes, and ``Journal`` is the interface for programs::

    engine = Engine()
    journal = Journal(engine, FileStore("events.ndjson"))
    print(journal.scan().records)

``papyra_persistence.backend`` is a persistence backend for Papyra itself; only that module needs Papyra.
"""

from .engine import Engine, EngineError
from .errors import Failure, StoreError
from .file import FileStore
from .journal import Draft, Journal
from .memory import MemoryStore
from .reports import Limits, Retention
from .store import Chunk, Description, Edit, Position, Profile, Rewritten, Segment
from .wasi import WasiJournal

__all__ = [
    "Chunk",
    "Description",
    "Draft",
    "Edit",
    "Engine",
    "EngineError",
    "Failure",
    "FileStore",
    "Journal",
    "Limits",
    "MemoryStore",
    "Position",
    "Profile",
    "Retention",
    "Rewritten",
    "Segment",
    "StoreError",
    "WasiJournal",
]
