"""Puts the dashboard's page into the wheel.

`MRQ_PAGE=require`: fail if the page can't be built. `MRQ_PAGE=skip`: take what is there, build nothing. Otherwise a
page that can't be built is left out, and the build says so; the API works without it.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType


class PageHook(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the page before the wheel is put together."""
        wish = os.environ.get("MRQ_PAGE", "")
        ui = Path(self.root) / "dashboard" / "ui"
        if version == "editable" or wish == "skip" or not (ui / "build.py").is_file():
            return
        builder = _builder(ui / "build.py")
        try:
            builder.build()
        except builder.CantBuildError as error:
            if wish == "require":
                raise
            self.app.display_warning(f"The wheel is without the dashboard's page. {error}")


def _builder(path: Path) -> ModuleType:
    """build.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("mrq_page_build", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
