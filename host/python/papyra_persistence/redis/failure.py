"""Translation of errors of redis-py to those of a store."""

from __future__ import annotations

from redis import exceptions

from ..errors import StoreError

_PASSWORD = "check user and password in the URL"
_RIGHTS = "the user lacks a permission on the server; docs/redis.md lists what each command needs"
_LATER = "the server cannot serve this now; try again"
_CLUSTER = "the server is a node of a Cluster, which needs the Rust library; give a single server"
#: What the server refuses with, by the word in front.
_CODES = {
    "OOM": ("full", "the server has reached its maxmemory: raise it, or compact"),
    "NOAUTH": ("denied", _PASSWORD),
    "WRONGPASS": ("denied", _PASSWORD),
    "NOPERM": ("denied", _RIGHTS),
    "READONLY": ("denied", "it is a read-only replica: name its master"),
    "WRONGTYPE": ("corrupt", "a key of the journal holds something other than a stream"),
    "NOGROUP": ("not-found", "there is no such stream or consumer group"),
    "UNBLOCKED": ("not-found", "there is no such stream or consumer group"),
    "LOADING": ("unavailable", "the server is still loading its data; try again"),
    "MISCONF": ("unavailable", "the server cannot save to its disk; see its log"),
    "BUSY": ("unavailable", _LATER),
    "NOREPLICAS": ("unavailable", _LATER),
    "MASTERDOWN": ("unavailable", _LATER),
    "MOVED": ("unsupported", _CLUSTER),
    "ASK": ("unsupported", _CLUSTER),
    "CROSSSLOT": ("unsupported", _CLUSTER),
    "CLUSTERDOWN": ("unsupported", _CLUSTER),
}
#: redis-py removes the word in front from these.
_CLASSES = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.AuthenticationError: "NOAUTH",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.MovedError: "MOVED",
    exceptions.AskError: "ASK",
    exceptions.ClusterCrossSlotError: "CROSSSLOT",
    exceptions.ClusterDownError: "CLUSTERDOWN",
}
#: In a script a refusal has no word of its own.
_DENIED = ("executing the script can't", "ACL failure in script", "no permissions to run")


def code(error: Exception) -> str:
    """Returns the word with which the server has refused."""
    for cls, word in _CLASSES.items():
        if isinstance(error, cls):
            return word
    return str(error).partition(" ")[0]


def is_missing_key(error: Exception) -> bool:
    """Returns whether the server has refused because the key does not exist."""
    return "no such key" in str(error)


def store_error(
    doing: str, location: str, error: Exception, written: str | None = None
) -> StoreError:
    """Returns a store's error for one of redis-py. ``doing`` completes "cannot …"."""
    kind, advice = _classify(error)
    return StoreError(kind, f"cannot {doing} at {location}; {advice}: {error}", written)


def unexpected(what: str) -> StoreError:
    """Returns the error for a reply that Redis does not send."""
    return StoreError(
        "failed", f"the server's reply to {what} has an unknown shape; is it a Redis of version 7?"
    )


def _classify(error: Exception) -> tuple[str, str]:
    known = _CODES.get(code(error))
    if known is not None:
        return known
    if is_missing_key(error):
        return "not-found", "there is no such stream"
    if any(said in str(error) for said in _DENIED):
        return "denied", _RIGHTS
    if isinstance(error, (exceptions.ConnectionError, exceptions.TimeoutError, OSError)):
        return "unavailable", "check that the server runs there and can be reached"
    return "failed", "the server refuses; its reply says why"
