"""Have what the drivers do told to a trace, to hooks (MRQ 0.9's events) and to the log.

`call(kind, data, function, event)` calls the function and tells what it has to tell; `around` is that of Patches.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pymongo.collection import Collection
from pymongo.cursor import Cursor
from redis.client import Pipeline, Redis

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection as Names

    Around = Callable[[Any, tuple[str, ...], Callable[..., Any]], None]
    Call = Callable[[str, str, Callable[[], Any], dict[str, Any] | None], Any]

log = logging.getLogger("mrq.mongodb")

COLLECTION_METHODS = (
    "find", "find_one", "find_one_and_update", "find_one_and_replace", "find_one_and_delete", "find_raw_batches",
    "insert_one", "insert_many", "update_one", "update_many", "replace_one", "delete_one", "delete_many", "bulk_write",
    "aggregate", "distinct", "count_documents", "estimated_document_count", "create_index", "create_indexes", "drop",
)  # fmt: skip
LONGEST_LINE = 500  # characters


def trace_mongodb(call: Call, around: Around, *, printed: bool = False, hidden: Names[str] = ()) -> None:
    """`printed`: each call is also written to the log, but for those on the collections in `hidden` (full names)."""

    def on_collection(original: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        collection = args[0]
        full = collection.full_name
        if printed and full not in hidden:
            log.info("%s", f"{full}.{name}({', '.join(map(repr, args[1:]))})"[:LONGEST_LINE])
        event = {
            "collection": full,
            "method": name,
            "args": args[1:],
            "kwargs": kwargs,
            "client": collection.database.client,
        }
        return call(f"mongodb.{name}", full, lambda: original(*args, **kwargs), event)

    def on_cursor(original: Callable[..., Any], _name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        collection = args[0].collection
        full = collection.full_name
        event = {"collection": full, "method": "cursor", "args": (), "kwargs": {}, "client": collection.database.client}
        if args[0].cursor_id == 0:  # all is here: nothing is asked for any more
            return original(*args, **kwargs)
        return call("mongodb.cursor", full, lambda: original(*args, **kwargs), event)

    around(Collection, COLLECTION_METHODS, on_collection)
    around(Cursor, ("_refresh",), on_cursor)


def trace_redis(call: Call, around: Around) -> None:
    """Each command, and each pipeline as one."""

    def on_command(original: Callable[..., Any], _name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        client, command, *rest = args
        name = str(command).upper()
        event = {"command": name, "args": tuple(rest), "options": kwargs, "client": client}
        key = rest[0] if rest else ""
        data = key.decode(errors="replace") if isinstance(key, bytes) else str(key)
        return call(f"redis.{name.lower()}", data, lambda: original(*args, **kwargs), event)

    def on_pipeline(original: Callable[..., Any], _name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return call("redis.pipeline", "", lambda: original(*args, **kwargs), None)

    around(Redis, ("execute_command",), on_command)
    around(Pipeline, ("execute",), on_pipeline)
