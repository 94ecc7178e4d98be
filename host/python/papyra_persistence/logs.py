"""A handler for `logging` that keeps log records in a journal."""

from __future__ import annotations

import logging
import threading
from typing import Any

from .journal import Draft, Journal
from .sayable import dumps

#: What a `logging.LogRecord` has by itself. What else it has, a program has given as ``extra``.
_OWN = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName"}
_PLAIN = logging.Formatter()


class JournalHandler(logging.Handler):
    """Appends each log record to a journal, as an ``event``::

        logging.getLogger().addHandler(JournalHandler(Journal(Engine(), FileStore("app.ndjson"))))

    The event has the shape that Papyra's own events have: ``system_id``, the level as ``event_type``, the name of the
    logger as ``actor_address``, and a ``payload`` of ``message``, as the formatter of the handler has it, and
    ``fields``. These are ``file``, ``line`` and ``function``, ``process`` and ``thread``, ``exception`` with the
    traceback if there is one, and whatever the program gave as ``extra``; of that, a name that is taken gets the prefix
    ``extra_``.

    A call of the logger returns when the record is durable, or in the journal if its store does not sync. A record
    that cannot be written is reported by `handleError`, as those of every handler are; the program goes on.
    """

    def __init__(
        self, journal: Journal, level: int | str = logging.NOTSET, *, system_id: str = "local"
    ):
        super().__init__(level)
        self._journal = journal
        self._system_id = system_id
        self._writing = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Appends a record. What is logged while it is written, by the store for example, is not recorded."""
        if getattr(self._writing, "now", False):
            return
        self._writing.now = True
        try:
            message = self.format(record) if self.formatter else record.getMessage()
            event = {
                "system_id": self._system_id,
                "actor_address": record.name,
                "event_type": record.levelname,
                "payload": {"message": message, "fields": _fields(record)},
            }
            self._journal.append([Draft("event", dumps(event), record.created)])
        except Exception:
            self.handleError(record)
        finally:
            self._writing.now = False

    def close(self) -> None:
        """Closes the journal. A record that comes later opens it again."""
        self._journal.close()
        super().close()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {
        "file": record.pathname,
        "line": record.lineno,
        "function": record.funcName,
        "process": record.process,
        "thread": record.threadName,
    }
    if record.exc_info and record.exc_info[0]:
        fields["exception"] = _PLAIN.formatException(record.exc_info)
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    return fields | {f"extra_{name}" if name in fields else name: value for name, value in extra.items()}
