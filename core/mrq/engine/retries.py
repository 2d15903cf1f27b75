"""The retry policy of a task, with the exceptions that it names found among the modules that are loaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mrq.domain.retry import Kinds, RetryPolicy


def found_in_modules(policy: RetryPolicy) -> RetryPolicy:
    """The policy with classes in place of names, as far as their modules are loaded: an exception that was raised
    comes from a loaded module, and may be known under another name than that of its definition."""
    return replace(policy, on=_found(policy.on), never_on=_found(policy.never_on))


def _found(kinds: Kinds) -> Kinds:
    return tuple(_class_named(kind) if isinstance(kind, str) else kind for kind in kinds)


def _class_named(name: str) -> type[BaseException] | str:
    module, _, rest = name.rpartition(".")
    found = getattr(sys.modules.get(module), rest, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else name
