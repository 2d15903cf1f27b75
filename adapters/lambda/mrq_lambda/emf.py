"""Metrics of handlers for CloudWatch: lines on stdout in the Embedded Metric Format, where `emf` is on.

By the core's own means, for what bursts and the scheduler load is paid at each cold start: Powertools and what it
needs take longer to load than all of MRQ. Where Powertools is there anyway, as in the dispatcher, it is used.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from mrq.domain.exposition import Totals, emf_lines
from mrq.engine.stdout import write_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.app import App

log = logging.getLogger("mrq.lambda")


def write(app: App, gauges: Mapping[str, float], totals: Totals | None = None, worker: str = "") -> None:
    """Write the figures of one invocation, if that is wanted. Raises nothing."""
    if not app.settings.emf:
        return
    try:
        lines = emf_lines(totals or Totals(), gauges, app.clock.now(), worker)
        write_now("".join(f"{line}\n" for line in lines), sys.stdout)
    except Exception as error:  # noqa: BLE001 - what an invocation did must not be undone by what it says of it
        log.warning("metrics can't be written: %s", error)
