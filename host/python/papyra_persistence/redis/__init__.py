"""A journal in Redis Streams, over redis-py: one stream per kind, an entry per record.

The keys, the entries, the scripts and the guarantees are those of the Rust host, so both work on one journal at
the same time, and Papyra reads and writes it as well. One server is supported; Cluster and Sentinel are not.
"""

try:
    import redis as _redis  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError("a journal in Redis needs redis-py: pip install 'papyra-persistence[redis]'") from error

from .config import RedisConfig
from .store import RedisStore

__all__ = ["RedisConfig", "RedisStore"]
