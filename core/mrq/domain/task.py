"""What a task is: the class that users derive from."""

from __future__ import annotations

from typing import Any, ClassVar

from mrq.domain.optionvalues import check_options


class Task:
    """A kind of job. Derive from it and override `run`; the path of the class names the task.

    A new instance is made for every run. The attributes are MRQ 0.9's.
    """

    is_main_task: bool = False
    """True on the instance that a worker made for a job, False on those made by `run_task`."""

    max_concurrency: int = 0
    """How many jobs of this task may run at once over all workers; 0: no limit. One too many ends with status
    maxconcurrency, or waits if `mrq_options` says `on_limit="wait"`."""

    mrq_options: ClassVar[dict[str, Any]] = {}
    """What is set for the task: the options of `mrq.task.task`, by name. `TASKS` in the configuration wins."""

    status_success_update_w: int | str | None = None
    """Write concern of the write that stores a success; None: majority. May be set inside `run`."""

    status_success_update_j: bool | None = None
    """Whether that write waits for the journal; None: as the write concern says."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check what the class sets for its jobs. Raises ConfigError."""
        super().__init_subclass__(**kwargs)
        where = f"task {cls.__module__}.{cls.__qualname__}"
        if "mrq_options" in vars(cls):
            check_options(cls.mrq_options, where)
        if "max_concurrency" in vars(cls):
            check_options({"max_concurrency": cls.max_concurrency}, where)

    def run(self, params: Any) -> Any:  # Any: 0.9's tasks take dicts of whatever shape they like  # noqa: ARG002
        """Do the work. What is returned is the job's result and must be storable as BSON."""
        raise TypeError(f"{type(self).__name__} is a Task without a run(self, params) method; write one")

    def run_wrapped(self, params: Any) -> Any:
        """Override this to do something around every run; the default only calls `run`."""
        return self.run(params)
