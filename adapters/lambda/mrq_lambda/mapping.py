"""EVENT_JOBS: which messages become jobs of which task, with which params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError

from mrq.exceptions import ConfigError, InvalidParamsError
from mrq_lambda.messages import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mrq_lambda.messages import Message

KEY_TTL = 24 * 3600.0  # seconds after a job's end in which its message, come again, queues nothing
_KEYS = ("source", "name", "task", "queue", "params", "key_ttl")


@dataclass(frozen=True, slots=True)
class EventJob:
    """One entry."""

    source: Source
    name: str  # a pattern such as orders-*
    task: str
    queue: str | None
    params_of: Callable[[Message], Mapping[str, Any]]
    key_ttl: float

    def fits(self, message: Message) -> bool:
        """Whether a message is meant."""
        return self.source is message.source and fnmatchcase(message.name, self.name)


def entries_of(event_jobs: Sequence[Mapping[str, Any]]) -> list[EventJob]:
    """Read EVENT_JOBS.

    Raises:
        ConfigError: an entry makes no sense; the message says which.
    """
    return [_entry(entry, f"EVENT_JOBS[{position}]") for position, entry in enumerate(event_jobs)]


def entry_for(message: Message, entries: Sequence[EventJob]) -> EventJob:
    """The first entry that a message fits.

    Raises:
        ConfigError: there is none.
    """
    for entry in entries:
        if entry.fits(message):
            return entry
    raise ConfigError(
        f"no entry of EVENT_JOBS is for {message.source} {message.name!r}; add one to the config file, such as "
        f"{{'source': {message.source.value!r}, 'name': {message.name!r}, 'task': 'tasks.Name'}}"
    )


def _entry(entry: Any, where: str) -> EventJob:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} should be a dict, not {type(entry).__name__}")
    for key in entry:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_KEYS)}"
            raise ConfigError(f"{where} has an unknown key {key!r}; {hint}")
    try:
        source = Source(entry.get("source", ""))
    except ValueError:
        known = ", ".join(source.value for source in Source)
        raise ConfigError(f"{where}['source'] = {entry.get('source')!r} should be one of {known}") from None
    task, queue, ttl = entry.get("task"), entry.get("queue"), entry.get("key_ttl", KEY_TTL)
    if not isinstance(task, str) or not task:
        raise ConfigError(f"{where}['task'] = {task!r} should be the path of a task")
    if queue is not None and not isinstance(queue, str):
        raise ConfigError(f"{where}['queue'] = {queue!r} should be the name of a queue")
    if not isinstance(ttl, (int, float)) or isinstance(ttl, bool) or ttl < 0:
        raise ConfigError(f"{where}['key_ttl'] = {ttl!r} should be a number of seconds from 0")
    return EventJob(source, str(entry.get("name", "*")), task, queue, _params(entry.get("params"), where), float(ttl))


def _params(given: Any, where: str) -> Callable[[Message], Mapping[str, Any]]:
    if given is None:
        return _body
    if callable(given):
        return lambda message: _checked(given(message))
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}['params'] should be a dict of names and JMESPath expressions, or a function")
    expressions = {}
    for name, text in given.items():
        try:
            expressions[str(name)] = jmespath.compile(text)
        except (JMESPathError, TypeError) as error:
            raise ConfigError(f"{where}['params'][{name!r}] = {text!r} is no JMESPath expression: {error}") from None

    def found(message: Message) -> Mapping[str, Any]:
        about = {"id": message.id, "name": message.name, "body": message.body, "record": message.record}
        return {name: expression.search(about) for name, expression in expressions.items()}

    return found


def _body(message: Message) -> Mapping[str, Any]:
    return message.body if isinstance(message.body, dict) else {"body": message.body}


def _checked(made: Any) -> Mapping[str, Any]:
    if not isinstance(made, Mapping):
        raise InvalidParamsError(f"the params function of EVENT_JOBS returned a {type(made).__name__}, not a dict")
    return made
