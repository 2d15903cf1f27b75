"""Workers as commands of a shell: what an agent is told to start, in MRQ 0.9's form."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PROCESSES = "--processes"


class ParsedCommand(NamedTuple):
    """A command as the system wants it."""

    environment: dict[str, str]
    words: list[str]


def parse_command(command: str) -> ParsedCommand:
    """Split `A=1 program argument`, as a shell would, without any of its expansions.

    Raises ValueError: a quotation is not closed, there is no program, or a character that none can be given.
    """
    if "\0" in command:
        raise ValueError(f"the command {command!r} has a NUL character in it")
    environment: dict[str, str] = {}
    words = shlex.split(command)
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    if not words:
        raise ValueError(f"the command {command!r} names no program")
    return ParsedCommand(environment, words)


def normalize_command(command: str, worker_group: str) -> tuple[str, int]:
    """A worker's command line as an agent starts it, and how often: `--processes N` is taken out of it.

    The command is marked with the worker group in front, as `MRQ_WORKER_GROUP=group command`. Raises ValueError: a
    quotation is not closed, or N is no number.
    """
    marked = f"MRQ_WORKER_GROUP={shlex.quote(worker_group)} "
    if _PROCESSES not in command:
        return marked + command, 1
    count, kept, words = 0, [], iter(shlex.split(command))
    for word in words:
        if word == _PROCESSES:
            count = int(next(words, "0"))
        elif word.startswith(f"{_PROCESSES}="):
            count = int(word.partition("=")[2])
        else:
            kept.append(word)
    return marked + shlex.join(kept), count
