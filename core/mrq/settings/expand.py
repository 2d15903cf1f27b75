"""Parts of URLs that stand in the environment: `mongodb://mrq:$(MONGODB_PASSWORD)@host/mrq`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.settings.values import Origin

_PLACE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


def expanded(key: str, url: str, environ: Mapping[str, str], origin: Origin) -> str:
    """A URL with the variables that it names as `$(NAME)`, percent-encoded. So a platform that hands over passwords as
    variables of their own, as ECS does, needs no program that puts URLs together.

    Raises ConfigError: a variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        text = environ.get(found[1])
        if not text:
            raise origin.error(key, url, f"names the variable {found[1]}, which is not set")
        return quote(text, safe="")

    return _PLACE.sub(value, url)
