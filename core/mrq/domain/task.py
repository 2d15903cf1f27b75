"""What a task is: the class that users derive from."""

from __future__ import annotations

from typing import Any


class Task:
    """A kind of job. Derive from it and override `run`; the path of the class names the task.

    A new instance is made for every run. The attributes are MRQ 0.9's.
    """

    is_main_task: bool = False
    """True on the instance that a worker made for a job, False on those made by `run_task`."""

    max_concurrency: int = 0
    """How many jobs of this task may run at once over all workers; 0: no limit. Not kept to yet: a worker that
    loads a task with a limit warns."""

    status_success_update_w: int | str | None = None
    """Write concern of the write that stores a success; None: majority. May be set inside `run`."""

    status_success_update_j: bool | None = None
    """Whether that write waits for the journal; None: as the write concern says."""

    def run(self, params: Any) -> Any:  # Any: 0.9's tasks take dicts of whatever shape they like  # noqa: ARG002
        """Do the work. What is returned is the job's result and must be storable as BSON."""
        raise TypeError(f"{type(self).__name__} is a Task without a run(self, params) method; write one")

    def run_wrapped(self, params: Any) -> Any:
        """Override this to do something around every run; the default only calls `run`."""
        return self.run(params)
