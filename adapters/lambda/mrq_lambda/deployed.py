"""Worker groups that a deployment defines: they come with the dispatcher's event, and are kept as they are there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mrq.domain.agents import group_of
from mrq.domain.plain import check_keys
from mrq.exceptions import ConfigError, InvalidQueueError

if TYPE_CHECKING:
    from mrq.app import App

log = logging.getLogger("mrq.lambda")

FIELDS = ("sizing", "ecs", "burst")


def keep_groups(app: App, given: Any) -> None:
    """Make the documents of these groups what the event says: `{name: {"sizing": ..., "ecs": ..., "burst": ...}}`.
    Others are left alone. Writes nothing where nothing differs.

    Raises:
        ConfigError: the event is wrong; nothing was changed.
        StoreUnavailableError: MongoDB is away.
    """
    if not isinstance(given, dict):
        raise ConfigError(f"groups should be an object with worker groups by name, not {given!r}")
    wanted = {name: _document(name, fields) for name, fields in given.items()}
    for name, document in wanted.items():
        if app.agents.group(name) != document:
            app.agents.put_group(name, document)
            log.info("worker group %r is now as it was deployed", name)


def _document(name: str, fields: Any) -> dict[str, Any]:
    check_keys(fields, FIELDS, f"worker group {name!r}")
    document = {**fields, "_id": name}
    try:
        if group_of(document).cloud is None:
            raise ConfigError(f"worker group {name!r} has neither ecs nor burst")
    except InvalidQueueError as error:
        raise ConfigError(f"worker group {name!r}: {error}") from error
    return document
