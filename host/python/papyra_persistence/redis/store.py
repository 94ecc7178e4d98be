"""The store: describing, appending, and the index."""

from __future__ import annotations

import threading
from typing import Any

from .. import forks
from ..errors import StoreError
from ..store import Description
from . import ids, scripts
from .config import STREAMS, RedisConfig
from .failure import store_error, unexpected
from .groups import RedisGroups
from .link import Link
from .snapshot import RedisSnapshot

#: Maximum size of an index.
_MAX_INDEX = 8 << 20
_APPEND = "append"


class RedisStore(RedisGroups, forks.OfOneProcess):
    """A journal in Redis Streams, which any number of threads and processes may use at once, in whatever language.
    An engine that is made of one component needs ``papyra-engine.wasm`` for it.

    * A batch is one transaction: all of it or nothing. It is as durable as the server makes it.
    * When the connection breaks or the server does not answer in time, it is not known whether the batch was
      written; the error says so. Nothing is sent twice on its own.
    * A rewrite removes in steps, each atomic; after a crash some of them have been done, and doing it again does
      the rest.
    * Compaction never removes an entry that a consumer group has not been given or not acknowledged, unless
      forced. Recovery acknowledges the entries that it removes, in all groups.
    """

    def __init__(self, config: RedisConfig | None = None):
        """Connects when it is first used. Raises `ValueError` for a URL that is not one of a single server."""
        self.config = config or RedisConfig()
        self.link = Link(self.config)
        self._forked()
        forks.track(self)

    def _forked(self) -> None:
        #: Held by the one rewrite that may be open.
        self.rewriting = threading.Lock()

    def describe(self) -> Description:
        usual, location, mark = RedisConfig(), self.link.location, "?"
        for name in ("prefix", "system_id"):
            value = getattr(self.config, name)
            if value != getattr(usual, name):
                mark = "&" if "?" in location else "?"
                location += f"{mark}{name}={value}"
        return Description("redis", location, framing="entries", layout="parallel")

    def exists(self) -> bool:
        """Returns whether there is a stream of any kind."""
        keys = map(self.config.stream, STREAMS)
        return any(self.link.call("look at the journal", "EXISTS", key) for key in keys)

    def append(self, lines: str, runs: list[tuple[str, int]]) -> None:
        commands, kinds = self._commands(lines.encode(), runs)
        if not commands:
            return
        replies = self.link.transact(_APPEND, commands)
        if not isinstance(replies, list) or len(replies) != len(kinds):
            raise unexpected("XADD")
        failed = [one for one in replies if isinstance(one, Exception)]
        if failed:
            # A transaction of Redis goes on after a command that fails, such as one on a key of the wrong type
            # beside good ones.
            done = [pair for pair in zip(kinds, replies, strict=True) if isinstance(pair[1], bytes)]
            left = "none" if self._take_back(done) else "some"
            raise store_error(_APPEND, self.link.location, failed[0], left) from failed[0]

    def snapshot(self) -> RedisSnapshot:
        return RedisSnapshot(self)

    def load_index(self) -> str:
        # Both ends are included: one byte too many tells that it is too long.
        text = self.link.call("read the index", "GETRANGE", self.config.index, 0, _MAX_INDEX)
        if not isinstance(text, bytes) or len(text) > _MAX_INDEX:
            return ""
        return text.decode(errors="replace")

    def save_index(self, text: str) -> None:
        if not text:
            self.link.call("remove the index", "UNLINK", self.config.index)
            return
        # Saving the same twice is saving it once.
        self.link.call("keep an index", *scripts.save_index(self.config.index, text))
        try:
            self.link.call("remove the old index", "UNLINK", self.config.checkpoint)
        except StoreError:
            pass  # Nobody reads it; a user who may not remove it leaves it.

    def close(self) -> None:
        """Closes the connections. The next call makes new ones."""
        self.link.close()

    def _commands(
        self, lines: bytes, runs: list[tuple[str, int]]
    ) -> tuple[list[list[Any]], list[str]]:
        """Returns the command and the kind of each line. What comes out of the sandbox must fit together."""
        each = lines.split(b"\n")
        kinds = [kind for kind, count in runs for _ in range(min(count, len(each)))]
        if each.pop() != b"" or len(each) != len(kinds):
            said = "the lines of the batch do not fit its kinds; nothing of it was written"
            raise StoreError("failed", said, "none")
        commands: list[list[Any]] = []
        for number, (kind, line) in enumerate(zip(kinds, each, strict=True)):
            stream = self.config.stream(kind)
            if number == 0 or kinds[number - 1] != kind:
                commands.append(scripts.first(stream, number, kind, line))
            else:
                commands.append(["XADD", stream, "*", "kind", kind, "data", line])
        return commands, kinds

    def _take_back(self, done: list[tuple[str, bytes]]) -> bool:
        """Removes what was written of a batch that failed. Returns whether all of it is gone."""
        gone = True
        for kind in STREAMS:
            written = [reply for of, reply in done if of == kind and ids.parse(reply)]
            if not written:
                continue
            try:
                self.link.call("take back a batch", "XDEL", self.config.stream(kind), *written)
            except StoreError:
                gone = False
        return gone
