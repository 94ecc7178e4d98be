"""The connections to one server. Replies are taken as they come: what a server sends is hostile until it has
been checked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import ConnectionPool, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..errors import StoreError
from .config import RedisConfig
from .failure import store_error

Words = Sequence[Any]

#: A wait is made of waits of at most this many seconds, so that a server that has gone away without a word is
#: noticed.
_ROUND = 5.0
_BROKEN = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


class Link:
    """A server. A connection that breaks is made anew by the next call."""

    def __init__(self, config: RedisConfig):
        self._round = min(_ROUND, config.timeout / 2)
        # A call connects once: its caller decides whether to try again.
        never = Retry(NoBackoff(), 0)
        self._pool = ConnectionPool.from_url(
            config.url,
            protocol=2,
            decode_responses=False,
            socket_timeout=config.timeout,
            socket_connect_timeout=config.timeout,
            retry=never,
        )
        self.location = _location(self._pool.connection_kwargs, config.url)

    def close(self) -> None:
        """Closes the connections. The next call makes new ones."""
        self._pool.disconnect()

    def call(self, doing: str, *words: Any, repeat: bool = True) -> Any:
        """Returns the reply to a command. ``repeat``: it may be sent a second time if the connection breaks."""
        try:
            return self._asked(doing, words)
        except StoreError as error:
            if not repeat or not isinstance(error.__cause__, exceptions.ConnectionError):
                raise
        return self._asked(doing, words)

    def transact(self, doing: str, commands: list[Words]) -> list[Any]:
        """Returns the replies to the commands of a transaction; those that failed are exceptions. The error of
        a transaction that fails as a whole says what was ``written``."""
        with self._connected(doing, "none") as connection:
            packed = connection.pack_commands([("MULTI",), *commands, ("EXEC",)])
            try:
                connection.send_packed_command(packed, check_health=False)
                queued = [_reply(connection) for _ in range(len(commands) + 1)]
                done = connection.read_response()
            except exceptions.ExecAbortError as aborted:
                refused = (one for one in queued if isinstance(one, Exception))
                cause = next(refused, aborted)
                raise store_error(doing, self.location, cause, "none") from cause
            except _BROKEN as error:
                connection.disconnect()
                raise store_error(doing, self.location, error, "unknown") from error
            except exceptions.RedisError as error:
                raise store_error(doing, self.location, error, "none") from error
        return done

    def all(self, doing: str, commands: list[Words]) -> list[Any]:
        """Returns the replies to the commands of a transaction. The first that failed ends it."""
        replies = self.transact(doing, commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise store_error(doing, self.location, reply) from reply
        return replies

    def wait(self, doing: str, seconds: float | None, before: Words, after: Words) -> Any:
        """Asks again and again, with ``BLOCK`` between the words, until there is a reply or time is up. ``None``:
        for ever."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = self._round if end is None else min(self._round, end - time.monotonic())
            millis = max(int(left * 1000), 1)
            reply = self.call(doing, *before, "BLOCK", millis, *after, repeat=False)
            if reply is not None or (end is not None and time.monotonic() >= end):
                return reply

    def _asked(self, doing: str, words: Words) -> Any:
        with self._connected(doing, None) as connection:
            try:
                connection.send_command(*words, check_health=False)
                return connection.read_response()
            except _BROKEN as error:
                connection.disconnect()
                raise store_error(doing, self.location, error) from error
            except exceptions.RedisError as error:
                raise store_error(doing, self.location, error) from error

    @contextlib.contextmanager
    def _connected(self, doing: str, written: str | None) -> Iterator[Any]:
        try:
            connection = self._pool.get_connection()
        except (*_BROKEN, exceptions.RedisError) as error:
            raise store_error(doing, self.location, error, written) from error
        try:
            yield connection
        except BaseException as error:
            if not isinstance(error, StoreError):
                # Interrupted: a reply may still be on its way, and would be taken for that of the next command.
                connection.disconnect()
            raise
        finally:
            self._pool.release(connection)


def _reply(connection: Any) -> Any:
    """Returns a reply, or the error that the server has sent instead."""
    try:
        return connection.read_response()
    except _BROKEN:
        raise
    except exceptions.ResponseError as error:
        return error


def _location(settings: dict[str, Any], url: str) -> str:
    """Returns the URL without secrets and parameters."""
    database = settings.get("db") or 0
    if "path" in settings:
        return f"unix://{settings['path']}?db={database}"
    scheme = url.partition(":")[0]
    host, port = settings.get("host", "localhost"), settings.get("port", 6379)
    return f"{scheme}://{host}:{port}/{database}"
