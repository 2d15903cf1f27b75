"""A stub in the place of Docker's command line: it builds nothing and pushes nothing. It writes down what the CDK has
it do, and answers as Docker does; an image is there once it was built."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NAME = "docker-stub"


class DockerStub:
    """The program, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / NAME
        self._said = folder / f"{NAME}.jsonl"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} -I {__file__} {self._said} "$@"\n')
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call, in order."""
        return [call["arguments"] for call in _read(self._said)]

    def built(self) -> dict[str, Path]:
        """Images by name, with the folder of each."""
        return {_tag(call["arguments"]): Path(call["folder"]) for call in _builds(self._said)}

    def pushed(self) -> list[str]:
        """Names in the registry."""
        return [arguments[-1] for arguments in self.calls if arguments[0] == "push"]


def _read(said: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []


def _builds(said: Path) -> list[dict[str, Any]]:
    return [call for call in _read(said) if call["arguments"][0] == "build"]


def _tag(arguments: list[str]) -> str:
    return arguments[arguments.index("--tag") + 1]


def main(said: Path, arguments: list[str]) -> int:
    """One call of the program; its exit code. 125 for what Docker's command line isn't known to be asked."""
    there = {_tag(call["arguments"]) for call in _builds(said)}
    with said.open("a") as file:
        print(json.dumps({"arguments": arguments, "folder": str(Path.cwd())}), file=file)
    match arguments:
        case ["login", "--username", "AWS", "--password-stdin", _]:
            return 0 if sys.stdin.read() else 1
        case ["inspect", name]:
            return 0 if name in there else 1
        case ["build", *_]:
            return 0 if Path("Dockerfile").is_file() else 1
        case ["tag", name, _]:
            return 0 if name in there else 1
        case ["push", _]:
            return 0
    print(f"{NAME}: it has no answer to {arguments}", file=sys.stderr)
    return 125


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
