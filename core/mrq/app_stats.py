"""The statistics of an app: who keeps them going. `App.stats_reader` reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.stats import Resolution
from mrq.engine.rollup import RollUp
from mrq.engine.stats_upkeep import StatsUpkeep

if TYPE_CHECKING:
    from mrq.app import App


def upkeep(app: App) -> StatsUpkeep | None:
    """Keeps the statistics going: `stats_round(now)`, to be called once a minute. None: nothing is counted."""
    if app.stats is None:
        return None
    settings = app.settings
    keep = {
        Resolution.MINUTE: timedelta(seconds=settings.stats_minute_ttl),
        Resolution.HOUR: timedelta(seconds=settings.stats_hour_ttl),
        Resolution.DAY: timedelta(seconds=settings.stats_day_ttl),
    }

    def pause() -> None:
        app.runtime.sleep(0)

    return StatsUpkeep(app.queue_sampler, RollUp(app.stats, keep, pause), app.clock)
