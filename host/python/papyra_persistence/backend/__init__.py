"""Persistence backends for Papyra that run on the engine, with the interfaces of Papyra's own. An application
changes one line, the one that names its backend:

* `JournalPersistence` for Papyra's ``JsonFilePersistence``, on the same file;
* `RotatingFilePersistence` for Papyra's class of that name, on the same files::

    from papyra_persistence.backend import RotatingFilePersistence

    persistence = RotatingFilePersistence("events.ndjson")

The event loop never blocks: the engine works in threads. Records that are written at the same time share
one write and one ``fdatasync``.
"""

from .journal import JournalPersistence
from .rotating import RotatingFilePersistence

__all__ = ["JournalPersistence", "RotatingFilePersistence"]
