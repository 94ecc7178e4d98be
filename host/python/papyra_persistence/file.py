"""Which files a journal is kept in, and how."""

from __future__ import annotations

import os

from .arguments import checked
from .renamed import renamed
from .text import check_path

#: The limits of rotating files where only one is given.
_MAX_BYTES = 50_000_000
_MAX_FILES = 5


class FileStore:
    """A journal in one file, or in a set of rotating ones, which any number of threads and processes may use
    at once, in whatever language. An engine that is made from a path needs ``papyra-python.wasm`` for it.

    * A batch is appended whole or not at all, is durable when `append` returns, and never mixes with a batch
      of another thread or process. A write that fails half-way is taken back.
    * A torn line stays alone: the next append writes a line end first.
    * A snapshot shows one moment. A rewrite is atomic, and carries over what others append meanwhile.
    * After a failed ``fdatasync`` no append is acknowledged before what it may have lost was written again.
    """

    @renamed(evidence_dir="quarantine_dir")
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sync: bool = True,
        quarantine_dir: str | os.PathLike[str] | None = None,
        create_parents: bool = False,
        lock_wait: float = 10.0,
        max_bytes: int | None = None,
        max_files: int | None = None,
    ):
        """Does not touch the file system; the first append creates the file.

        ``sync=False``: an append survives the end of the process, but not a power failure.
        ``quarantine_dir``: directory for the entries that ``quarantine`` and ``keep_quarantine`` remove.
        ``create_parents``: whether the first append creates missing directories.
        ``lock_wait``: maximum seconds to wait for another process, before failing with ``locked``.
        ``max_bytes`` and ``max_files``: either makes the journal a set of rotating files. A file that reaches
        ``max_bytes`` (50,000,000) is followed by another one, and ``max_files`` (5) of them are kept.
        """
        check_path(os.fspath(path))
        self.location = os.fsdecode(path)
        self.path = os.path.abspath(self.location)
        self.quarantine_dir = (
            None if quarantine_dir is None else os.path.abspath(os.fsdecode(quarantine_dir))
        )
        self.sync = sync
        self.create_parents = create_parents
        self.lock_wait = lock_wait
        if max_bytes is not None or max_files is not None:
            max_bytes = _MAX_BYTES if max_bytes is None else checked("max_bytes", max_bytes)
            max_files = _MAX_FILES if max_files is None else checked("max_files", max_files)
        self.max_bytes, self.max_files = max_bytes, max_files
