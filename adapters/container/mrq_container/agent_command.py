"""`mrq-agent`: runs the workers of a worker group on this machine until told to end."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from mrq.domain.words import how_to_start
from mrq.exceptions import ServerRefusedError, ServerUnavailableError
from mrq_container.agent import Agent
from mrq_container.start import app_of, run_with_settings, set_up_logging

if TYPE_CHECKING:
    from mrq.settings import Loaded

log = logging.getLogger("mrq.agent")


def main(argv: list[str] | None = None) -> int:
    """Run an agent with these arguments (default: those of the process); its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    return run_with_settings(arguments, work, "agent")


def work(loaded: Loaded) -> int:
    """Work as the settings say."""
    app = app_of(loaded)
    set_up_logging(loaded)
    try:
        log.info("connected to %s", app.jobs.ping())
        app.agents.ensure_indexes()
    except ServerUnavailableError as error:
        log.error("the agent can't start: %s; %s", error, how_to_start("MRQ_MONGODB_JOBS"))
        return 1
    except ServerRefusedError as error:
        log.error("the agent can't start: %s", error)
        return 1
    return Agent().work()


if __name__ == "__main__":
    sys.exit(main())
