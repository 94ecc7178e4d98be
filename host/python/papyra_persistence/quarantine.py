"""The quarantine: files with the bytes that rewrites have removed."""

from __future__ import annotations

import contextlib
import datetime
import os

from .locks import identify, make_dirs, named, open_own, remove, sync_dir


class Quarantine:
    """A quarantine file that is being written. Its name is hidden until it is complete."""

    def __init__(self, directory: str, target: str, source: int):
        make_dirs(directory)
        status = os.fstat(source)
        device, inode = identify(status)
        self._directory = directory
        self._name = os.path.basename(target)
        hidden = f".{self._name}.{device:x}-{inode:x}.papyra-quarantine"
        path = os.path.join(directory, hidden)
        # The caller holds the rewrite lock of this inode, so this is a leftover of a killed rewrite.
        remove(path)
        self.fd = open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        #: The names of the file, to be removed unless it stays.
        self._paths = [path]
        with contextlib.suppress(PermissionError):  # Only root may change the owner.
            os.fchown(self.fd, status.st_uid, status.st_gid)
        os.fchmod(self.fd, status.st_mode & 0o666)

    def finish(self) -> str:
        """Makes the file durable under its final name. `discard` removes it, unless `stay` comes first."""
        os.fsync(self.fd)
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = now.strftime("%Y%m%dT%H%M%S.") + f"{now.microsecond // 1000:03}Z"
        number = 1
        hidden = self._paths[0]
        while True:
            name = f"{self._name}.{stamp}.{number}.quarantine"
            path = os.path.join(self._directory, name)
            try:
                # A link, unlike a rename, never replaces a file.
                os.link(hidden, path)
            except OSError as cause:
                # Network file systems can report an error for a link that was made.
                if named(path) != identify(os.fstat(self.fd)):
                    if isinstance(cause, FileExistsError):
                        number += 1
                        continue
                    raise
            self._paths.append(path)
            os.unlink(hidden)
            self._paths.remove(hidden)
            sync_dir(self._directory)
            return path

    def stay(self) -> None:
        """Keeps the file for good."""
        self._paths = []

    def discard(self) -> None:
        """Closes the file, and removes it unless it stays. A name that cannot be removed stays too."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
        paths, self._paths = self._paths, []
        for path in paths:
            with contextlib.suppress(OSError):
                remove(path)
