"""The journal: the interface for programs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from . import forks
from .arguments import KINDS, RECOVERY_MODES, STARTUP_MODES, all_are, chosen
from .engine import Engine, Session
from .errors import Failure
from .file import FileStore
from .renamed import renamed
from .reports import (
    Appended,
    Compaction,
    Counters,
    FieldMatch,
    IndexReport,
    Inspection,
    Page,
    Recovery,
    Retention,
    ScanReport,
    StartupReport,
    VerifyReport,
)
from .store import Store
from .text import check_fields, check_lines
from .values import lowered, raised, record

T = TypeVar("T")


@dataclass(frozen=True)
class Draft:
    """A record to write.

    ``kind`` is ``event``, ``audit``, ``dead_letter`` or ``metric``. ``fields`` is a JSON object without
    ``kind`` and ``timestamp``. ``timestamp`` is by default the time of writing.
    """

    kind: str
    fields: str = "{}"
    timestamp: float | None = None


class Journal(forks.OfOneProcess):
    """A journal in a store. Calls block and run one after the other, since a journal owns one instance of
    the engine; several journals over the same store can work side by side.

    Every method raises `Failure` if the engine or the store refuses, and `EngineError` if the engine
    traps. After a trap the next call gets a new instance, with its counters at zero. Invalid arguments
    raise `TypeError` or `ValueError`.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store | FileStore,
        retention: Retention | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ):
        """``retention`` hides records from `query` and `inspect`; `compact` removes them.
        ``clock`` replaces the wall clock."""
        engine.check(store)
        self._start = lambda: engine.instantiate(store, clock)
        self._begin(retention)

    def _begin(self, retention: Retention | None) -> None:
        # Lowered here, so that a limit out of range is refused where it was given.
        self._retention = lowered(all_are("retention", [retention or Retention()], Retention)[0])
        self._lock = threading.Lock()
        self._session: Session | None = None
        forks.track(self)

    def _forked(self) -> None:
        # The instance may be inside a call that is never finished here. The next call makes a new one.
        self._lock = threading.Lock()
        self._session = None

    def append(self, drafts: Iterable[Draft]) -> Appended:
        """Writes records in this order, all or none. They are durable when this returns."""
        given = all_are("drafts", drafts, Draft)
        check_fields([one.fields for one in given])
        return self._call(Appended, "append", lowered(given))

    def append_lines(self, lines: str, *, lenient: bool = False) -> Appended:
        """Writes complete lines verbatim, all or none. Each must be a sound record, or if ``lenient``, any
        whole JSON object, as `query` returns them."""
        if not isinstance(lines, str):
            raise TypeError(f"lines must be a str, and is {type(lines).__name__}")
        if not isinstance(lenient, bool):
            raise TypeError(f"lenient must be a bool, and is {type(lenient).__name__}")
        check_lines(lines)
        return self._call(Appended, "append-lines", lines, lenient)

    def query(
        self,
        *,
        kinds: Sequence[str] = (),
        since: float | None = None,
        until: float | None = None,
        matching: Sequence[FieldMatch] = (),
        limit: int | None = None,
        newest_first: bool = False,
        no_index: bool = False,
        cursor: str | None = None,
    ) -> Iterator[Page]:
        """Yields pages of the records that match and that retention does not hide, oldest first unless
        ``newest_first``. With ``limit`` these are the newest that match. ``no_index`` reads everything,
        whatever the index beside the journal says."""
        end = False
        while not end:
            selection = record(
                kinds=[chosen("kind", kind, KINDS) for kind in kinds],
                since=since,
                until=until,
                matching=lowered(all_are("matching", matching, FieldMatch)),
                limit=limit,
                order="newest-first" if newest_first else "oldest-first",
                no_index=no_index,
                cursor=cursor,
            )
            page = self._call(Page, "query", selection, self._retention)
            cursor, end = page.cursor, page.end
            if page.count:
                yield page

    def scan(self, *, max_findings: int = 100, sample: int | None = None) -> ScanReport:
        """Examines every entry, or about ``sample`` of them. Changes nothing."""
        options = record(max_findings=max_findings, sample=sample)
        return self._call(ScanReport, "scan", options)

    @renamed(record_fact="record_audit")
    def recover(
        self,
        mode: str = "repair",
        *,
        dry_run: bool = False,
        max_findings: int = 100,
        record_audit: bool = True,
        allow_loss: bool = False,
    ) -> Recovery:
        """Removes what is damaged and keeps every whole record: mode ``repair`` drops the rest,
        ``quarantine`` moves it to the quarantine. An audit record in the journal states what was done, if
        ``record_audit``. ``allow_loss`` repairs even what does not look like a journal."""
        options = record(
            mode=chosen("mode", mode, RECOVERY_MODES),
            dry_run=dry_run,
            max_findings=max_findings,
            record_audit=record_audit,
            allow_loss=allow_loss,
        )
        return self._call(Recovery, "recover", options)

    @renamed(record_fact="record_audit", keep_evidence="keep_quarantine")
    def compact(
        self,
        *,
        dry_run: bool = False,
        force: bool = False,
        keep_quarantine: bool = False,
        as_of: float | None = None,
        record_audit: bool = True,
        allow_expire_all: bool = False,
        full: bool = False,
    ) -> Compaction:
        """Removes the records that retention hides. Refused without any limit. An audit record in the
        journal states what was done, if ``record_audit``. ``allow_expire_all`` removes even records that
        are all too old, which looks like a wrong clock. ``full`` reads everything, also what the index tells."""
        options = record(
            dry_run=dry_run,
            force=force,
            keep_quarantine=keep_quarantine,
            as_of=as_of,
            record_audit=record_audit,
            allow_expire_all=allow_expire_all,
            full=full,
        )
        return self._call(Compaction, "compact", self._retention, options)

    def inspect(self, limit: int = 1000) -> Inspection:
        """Returns a cheap overview of the newest ``limit`` records."""
        return self._call(Inspection, "inspect", record(limit=limit), self._retention)

    @renamed(record_fact="record_audit")
    def startup_check(
        self,
        mode: str = "fail",
        recovery: str = "repair",
        *,
        full: bool = False,
        record_audit: bool = True,
    ) -> StartupReport:
        """Checks the journal before a system starts. ``mode`` is ``ignore``, ``scan_only``, ``fail`` or
        ``recover``. After a clean check the next one reads what was appended since and samples the
        rest, unless ``full``."""
        options = record(
            mode=chosen("mode", mode, STARTUP_MODES),
            recovery=chosen("recovery", recovery, RECOVERY_MODES),
            full=full,
            record_audit=record_audit,
        )
        return self._call(StartupReport, "startup-check", options)

    def index(self, *, hash: bool = True, full: bool = False) -> IndexReport:
        """Makes the index, or adds to it what was appended since, so that later calls read only what they need.
        ``hash``: hash the blocks too, for `verify`; ``full``: read everything again."""
        return self._call(IndexReport, "index", record(hash=hash, full=full))

    def drop_index(self) -> None:
        """Removes the index. Everything works without, and reads more."""
        self._run("drop-index")

    def verify(self, head: str | None = None) -> VerifyReport:
        """Tells whether the journal is what it was when its index was made with hashes, or when ``head`` was
        noted. Anybody who can write the journal can make its index anew: only a head that is kept elsewhere
        proves anything."""
        return self._call(VerifyReport, "verify", record(head=head))

    def metrics(self) -> Counters:
        """Returns what this journal has counted since its instance was made."""
        return self._call(Counters, "metrics")

    def reset_metrics(self) -> None:
        """Sets all counters to zero."""
        self._run("reset-metrics")

    def close(self) -> None:
        """Drops the instance and closes what it has open. The next call makes a new one."""
        with self._lock:
            self._drop()

    def _call(self, cls: type[T], name: str, *arguments: Any) -> T:
        return raised(cls, self._run(name, *arguments))

    def _run(self, name: str, *arguments: Any) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._start()
            try:
                return self._session.call(name, *arguments)
            except Failure:
                raise
            except BaseException:
                # An instance cannot be trusted after a trap, or after an exception thrown through it.
                self._drop()
                raise

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
