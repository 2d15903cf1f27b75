"""Put functions around methods of other libraries' classes, and take them away again."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Patches:
    """What is patched; `undo` puts everything back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def around(
        self,
        owner: Any,
        names: tuple[str, ...],
        function: Callable[[Callable[..., Any], str, tuple[Any, ...], dict[str, Any]], Any],
    ) -> None:
        """Have calls of these methods or functions go to `function(original, name, args, kwargs)`. Names that this
        version of the library doesn't have are left out."""
        for name in names:
            original = getattr(owner, name, None)
            if original is not None:
                self._replace(owner, name, original, _wrapped(original, name, function))

    def _replace(self, owner: Any, name: str, original: Any, new: Any) -> None:
        own = vars(owner).get(name)
        setattr(owner, name, new)

        def undo() -> None:
            if own is None:
                delattr(owner, name)  # it was inherited
            else:
                setattr(owner, name, original)

        self._undo.append(undo)

    def undo(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def _wrapped(
    original: Callable[..., Any],
    name: str,
    function: Callable[[Callable[..., Any], str, tuple[Any, ...], dict[str, Any]], Any],
) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(original, name, args, kwargs)

    return call
