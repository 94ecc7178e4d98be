"""Where a journal in Redis is, and how it is used."""

from __future__ import annotations

from dataclasses import dataclass

#: The kinds of records, with the names of their streams.
STREAMS = {
    "event": "events",
    "audit": "audits",
    "dead_letter": "dead_letters",
    "metric": "metrics",
}
_SCHEMES = ("redis", "rediss", "unix")


@dataclass(frozen=True)
class RedisConfig:
    """The server and the keys. The defaults are those of Papyra."""

    #: ``redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]``, ``rediss://`` with TLS, or ``unix://PATH[?db=DATABASE]``,
    #: with the parameters of redis-py, such as ``ssl_ca_certs``.
    url: str = "redis://localhost:6379/0"
    #: The first part of all keys.
    prefix: str = "papyra"
    #: The second part of all keys, the name of the system.
    system_id: str = "local"
    #: Maximum number of entries in one ``XRANGE``. All entries are read, however many calls that takes.
    max_read: int = 50_000
    #: Compaction lets Redis keep up to a node (100 entries) more than it would have to, which is much cheaper.
    approx_trim: bool = True
    #: The first part of the keys of quarantines; by default ``{prefix}:{system_id}:quarantine``.
    quarantine_prefix: str | None = None
    #: Maximum duration of one call in seconds. Waiting for new entries comes on top of it.
    timeout: float = 10.0

    def __post_init__(self) -> None:
        scheme = self.url.partition(":")[0]
        if scheme not in _SCHEMES:
            known = ", ".join(f"{one}://" for one in _SCHEMES)
            raise ValueError(
                f"a store in Redis of Python has no scheme {scheme!r}: give the URL of one server ({known}); "
                "Cluster and Sentinel need the Rust library"
            )
        if self.max_read < 1 or self.timeout <= 0:
            raise ValueError("max_read and timeout must be greater than 0")

    def stream(self, kind: str) -> str:
        """Returns the key of a kind."""
        return self._beside(STREAMS[kind])

    def quarantine(self, stream: str) -> str:
        """Returns the key of the quarantine of a stream."""
        first = self.quarantine_prefix or self._beside("quarantine")
        return f"{first}:{stream.replace(':', '_')}"

    @property
    def index(self) -> str:
        """The key of the index."""
        return self._beside("index")

    @property
    def checkpoint(self) -> str:
        """The key in which versions before 0.2 kept one."""
        return self._beside("checkpoint")

    def _beside(self, name: str) -> str:
        return f"{self.prefix}:{self.system_id}:{name}"
