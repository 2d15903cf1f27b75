"""Every way in which a run can end, as an outcome."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.status import Status
from mrq.domain.task import Task
from mrq.engine.execute import execute, outcome_of
from mrq.exceptions import (
    AbortInterrupt,
    Interrupt,
    JobInterrupt,
    MaxConcurrencyInterrupt,
    MaxRetriesInterrupt,
    RetryInterrupt,
    StopRequested,
    TimeoutInterrupt,
)
from unit.engine.kit import MODULE, Tasks, claimed

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.domain.fingerprint import Signature
    from mrq.domain.outcome import Outcome


def run(tasks: Tasks, error: BaseException | type[BaseException], **about: Any) -> Outcome:
    """Run a task that raises this."""

    def raising(params: dict[str, Any]) -> None:
        raise error

    options = about.pop("options", {})
    return execute(claimed(tasks.define(raising, **options), **about), tasks.loader(), lambda: 0.0)[0]


def text_of(outcome: Outcome) -> str:
    assert outcome.failure is not None
    return outcome.failure.traceback


def test_what_is_returned_is_the_result(tasks: Tasks) -> None:
    path = tasks.define(lambda params: params["n"] + 1)
    outcome, task = execute(claimed(path, params={"n": 41}), tasks.loader())
    assert (outcome.status, outcome.result, outcome.failure) == (Status.SUCCESS, 42, None)
    assert isinstance(task, Task)
    assert task.is_main_task


def test_run_wrapped_surrounds_the_run(tasks: Tasks) -> None:
    class Wrapped(Task):
        def run(self, params: Any) -> Any:
            return 1

        def run_wrapped(self, params: Any) -> Any:
            return self.run(params) + 1

    tasks.module.Wrapped = Wrapped  # type: ignore[attr-defined]
    assert execute(claimed(f"{MODULE}.Wrapped"), tasks.loader())[0].result == 2


def test_an_exception_is_a_failure_with_the_tasks_own_frames(tasks: Tasks) -> None:
    outcome = run(tasks, KeyError("missing"))
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == "KeyError"
    assert "raising" in text_of(outcome)
    assert text_of(outcome).rstrip().endswith("KeyError: 'missing'")
    assert "engine/execute.py" not in text_of(outcome)


def test_a_traceback_begins_with_the_tasks_own_frame(tasks: Tasks) -> None:
    def fail(_self: Task, params: Any) -> None:
        raise ValueError

    tasks.module.Job = type("Job", (Task,), {"run": fail})  # type: ignore[attr-defined]
    lines = text_of(execute(claimed(), tasks.loader())[0]).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in fail")
    assert len([line for line in lines if line.startswith("  File")]) == 1


def test_the_traceback_of_a_task_function_too(tasks: Tasks) -> None:
    outcome, _ = execute(claimed("unit.face.sampletasks.fail", params={"text": "x"}), tasks.loader())
    assert text_of(outcome).splitlines()[1].endswith("in fail")


def test_what_is_wrong_with_a_call_needs_no_frames(tasks: Tasks) -> None:
    outcome, _ = execute(claimed("unit.face.sampletasks.fail"), tasks.loader())
    assert text_of(outcome) == "TypeError: fail() missing 1 required positional argument: 'text'\n"
    outcome, _ = execute(claimed("unit.face.sampletasks.fale"), tasks.loader())
    assert text_of(outcome).startswith("mrq.exceptions.UnknownTaskError: task 'unit.face.sampletasks.fale'")


@pytest.mark.parametrize(
    ("interrupt", "status"),
    [
        (AbortInterrupt, Status.ABORT),
        (MaxRetriesInterrupt, Status.MAXRETRIES),
        (MaxConcurrencyInterrupt, Status.MAXCONCURRENCY),
        (TimeoutInterrupt, Status.TIMEOUT),
        (JobInterrupt, Status.INTERRUPT),
        (StopRequested, Status.INTERRUPT),
        (Interrupt, Status.INTERRUPT),
    ],
)
def test_each_interrupt_has_its_status(tasks: Tasks, interrupt: type[Interrupt], status: Status) -> None:
    outcome = run(tasks, interrupt("why"), options={"retries": 3})
    assert outcome.status is status
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == interrupt.__name__


@pytest.mark.parametrize(
    "error", [SystemExit(3), SystemExit(), KeyboardInterrupt(), GeneratorExit(), BaseException("x")]
)
def test_what_ends_a_program_ends_only_the_job(tasks: Tasks, error: BaseException) -> None:
    outcome = run(tasks, error, options={"retries": 3})
    assert outcome.status is Status.FAILED
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == type(error).__name__


def test_a_retry_with_a_delay_waits_with_its_failure(tasks: Tasks) -> None:
    again = RetryInterrupt()
    again.delay, again.queue, again.retry_count = 5, "other", 4
    again.original_exception = ValueError("the cause")
    outcome = run(tasks, again)
    assert (outcome.status, outcome.delay, outcome.queue, outcome.retry_count) == (Status.RETRY, 5, "other", 4)
    assert outcome.failure is not None
    assert outcome.failure.original_traceback == "ValueError: the cause\n"


def test_the_text_of_an_interrupt_holds_what_was_being_handled_but_its_traceback_does_not(tasks: Tasks) -> None:
    def give_up(_: Any) -> None:
        try:
            raise KeyError("the cause")
        except KeyError as error:
            abort = AbortInterrupt("enough")
            abort.original_exception = error
            raise abort from None

    outcome, _ = execute(claimed(tasks.define(give_up)), tasks.loader())
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == "AbortInterrupt"
    assert "Original exception" not in outcome.failure.traceback
    assert "the cause" not in outcome.failure.traceback
    assert "AbortInterrupt: enough" in outcome.failure.traceback
    assert "KeyError: 'the cause'" in (outcome.failure.original_traceback or "")


def test_the_text_of_an_interrupt(tasks: Tasks) -> None:
    abort = AbortInterrupt("enough")
    assert str(abort) == "enough"
    abort.original_exception = ValueError("x")
    assert str(abort) == "enough\n---- Original exception: -----\nValueError: x\n"
    abort.original_exception = (ValueError, ValueError("y"), None)  # as MRQ 0.9 kept it
    assert str(abort).endswith("ValueError: y\n")


@pytest.mark.parametrize("delay", [0, None])
def test_a_retry_without_a_delay_is_queued_at_once(tasks: Tasks, delay: float | None) -> None:
    again = RetryInterrupt()
    again.delay, again.queue = delay, "other"
    outcome = run(tasks, again, retry_count=2)
    assert (outcome.status, outcome.queue, outcome.retry_count) == (Status.QUEUED, "other", 3)
    assert outcome.failure is None
    assert not outcome.at_front


def test_exceptions_are_followed_by_another_try_while_retries_are_left(tasks: Tasks) -> None:
    options = {"retries": 2, "retry_delay": 4.0}
    outcomes = [run(tasks, ValueError("x"), options=options, retry_count=n) for n in range(3)]
    assert [(o.status, o.delay, o.retry_count) for o in outcomes] == [
        (Status.RETRY, 4.0, 1), (Status.RETRY, 8.0, 2), (Status.FAILED, None, None),
    ]  # fmt: skip


# ---- tasks that can't be found or made


def test_a_path_without_a_module_is_explained(tasks: Tasks) -> None:
    outcome, task = execute(claimed("Fetch"), tasks.loader())
    assert (outcome.status, task) == (Status.FAILED, None)
    assert "UnknownTaskError" in text_of(outcome)
    assert "has no module; write it as module.Name" in text_of(outcome)


@pytest.mark.parametrize("path", ["no_such_module_here.Fetch", "no_such_module_here.sub.Fetch", f"{MODULE}.sub.Fetch"])
def test_a_module_that_is_not_there_is_named(tasks: Tasks, path: str) -> None:
    outcome, _ = execute(claimed(path), tasks.loader())
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == "UnknownTaskError"
    assert "there is no module" in text_of(outcome)


def test_a_misspelt_task_gets_a_suggestion(tasks: Tasks) -> None:
    tasks.define(print, name="FetchPage")
    outcome, _ = execute(claimed(f"{MODULE}.FetchPag"), tasks.loader())
    assert f"did you mean {MODULE}.FetchPage?" in text_of(outcome)
    outcome, _ = execute(claimed(f"{MODULE}.Zzz"), tasks.loader())
    assert "has no 'Zzz'" in text_of(outcome)
    assert "did you mean" not in text_of(outcome)


@pytest.mark.parametrize("thing", [7, "text", len, object()])
def test_what_is_no_task_is_explained(tasks: Tasks, thing: object) -> None:
    tasks.module.Thing = thing  # type: ignore[attr-defined]
    outcome, _ = execute(claimed(f"{MODULE}.Thing"), tasks.loader())
    assert "which is no task" in text_of(outcome)


def test_a_class_with_a_run_is_a_task(tasks: Tasks) -> None:
    class Plain:
        def run(self, params: Any) -> Any:
            return params

    tasks.module.Plain = Plain  # type: ignore[attr-defined]
    assert execute(claimed(f"{MODULE}.Plain", params={"a": 1}), tasks.loader())[0].result == {"a": 1}


def test_a_task_that_cannot_be_made_fails_its_job(tasks: Tasks) -> None:
    class Broken(Task):
        def __init__(self) -> None:
            raise ZeroDivisionError

    tasks.module.Broken = Broken  # type: ignore[attr-defined]
    outcome, task = execute(claimed(f"{MODULE}.Broken"), tasks.loader())
    assert (outcome.status, task) == (Status.FAILED, None)


@pytest.mark.parametrize(
    ("source", "kind"),
    [("raise ValueError('at import')", "ValueError"), ("import no_such_thing", "ModuleNotFoundError"),
     ("syntax error", "SyntaxError"), ("raise SystemExit", "SystemExit")],
)  # fmt: skip
def test_a_module_that_cannot_be_imported_fails_its_job_with_its_own_error(
    tasks: Tasks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, kind: str
) -> None:
    (tmp_path / "broken_tasks.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        outcome, _ = execute(claimed("broken_tasks.Fetch"), tasks.loader())
    finally:
        sys.modules.pop("broken_tasks", None)
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == kind


def test_every_run_has_an_instance_of_its_own(tasks: Tasks) -> None:
    path, loader = tasks.define(lambda params: None), tasks.loader()
    assert execute(claimed(path), loader)[1] is not execute(claimed(path), loader)[1]


# ---- tracebacks that are hard to store


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_an_exception_that_cannot_be_shown_still_ends_its_job(tasks: Tasks) -> None:
    outcome = run(tasks, Unprintable())
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == "Unprintable"
    assert "Unprintable" in text_of(outcome)


class Wicked(Exception):
    @property
    def __notes__(self) -> Any:  # type: ignore[override]
        raise ValueError("no notes")


def test_an_exception_that_breaks_the_formatting_still_ends_its_job(tasks: Tasks) -> None:
    outcome = run(tasks, Wicked())
    assert outcome.status is Status.FAILED
    assert "Wicked" in text_of(outcome)


def test_a_huge_traceback_is_cut_in_the_middle(tasks: Tasks) -> None:
    text = text_of(run(tasks, ValueError("a" * 10**6 + "the end")))
    assert len(text) < 70_000
    assert "characters left out" in text
    assert "raising" in text
    assert text.rstrip().endswith("the end")


def test_a_bottomless_recursion_is_a_failure(tasks: Tasks) -> None:
    def deep(params: Any) -> Any:
        return deep(params)

    outcome, _ = execute(claimed(tasks.define(deep)), tasks.loader())
    assert outcome.failure is not None
    assert outcome.failure.exceptiontype == "RecursionError"
    assert len(text_of(outcome)) < 70_000


def test_lone_surrogates_in_texts_are_made_storable(tasks: Tasks) -> None:
    again = RetryInterrupt("\ud800")
    again.delay, again.original_exception = 1, ValueError("\udfff")
    failure = run(tasks, again).failure
    assert failure is not None
    assert "\\ud800" in failure.traceback
    assert "\\udfff" in (failure.original_traceback or "")


def test_an_exception_that_was_never_raised_has_an_outcome_too() -> None:
    assert outcome_of(ValueError("x"), claimed("a.B"), TaskOptions()).status is Status.FAILED


# ---- options


def test_options_come_from_the_defaults_then_the_task_then_the_configuration(tasks: Tasks) -> None:
    path = tasks.define(print, timeout=20, result_ttl=30)
    loader = tasks.loader(TaskOptions(timeout=1, result_ttl=1, abort_ttl=1), **{path: {"result_ttl": 300}})
    assert loader.options(path).result_ttl == 300
    options = loader.loaded_options(path)
    assert (options.timeout, options.result_ttl, options.abort_ttl) == (20, 300, 1)
    assert loader.options(path) == options


def test_options_of_a_task_that_cannot_be_loaded_are_those_configured(tasks: Tasks) -> None:
    loader = tasks.loader(**{"no.Such": {"timeout": 5}})
    assert loader.loaded_options("no.Such").timeout == 5


# ---- what a failure is recognised by


def signature_of(outcome: Outcome) -> Signature:
    assert outcome.failure is not None
    assert outcome.failure.signature is not None
    return outcome.failure.signature


def test_a_failure_is_recognised_by_its_own_frames_and_message(tasks: Tasks) -> None:
    found = signature_of(run(tasks, KeyError("missing")))
    assert (found.kind, found.message) == ("KeyError", "'missing'")
    assert found.frames == ("unit.engine.test_execute:run.<locals>.raising",) or found.frames[-1].endswith(".raising")


def test_frames_of_libraries_are_not_looked_at(tasks: Tasks) -> None:
    path = tasks.define(lambda params: json.loads("{"))
    found = signature_of(execute(claimed(path), tasks.loader())[0])
    assert found.frames
    assert not any(frame.startswith(("json", "mrq.")) for frame in found.frames)


def test_a_retry_is_recognised_by_what_it_was_asked_for(tasks: Tasks) -> None:
    def work(params: Any) -> None:
        try:
            raise OSError("gone")
        except OSError:
            interrupt = RetryInterrupt()
            interrupt.delay = 5
            raise interrupt  # noqa: B904 - as retry_current_job does

    found = signature_of(execute(claimed(tasks.define(work)), tasks.loader())[0])
    assert (found.kind, found.message) in {("OSError", "gone"), ("RetryInterrupt", "")}


def test_where_an_interruption_hits_says_nothing(tasks: Tasks) -> None:
    assert signature_of(run(tasks, TimeoutInterrupt("too long"))).frames == ()


def test_an_exception_that_can_not_be_put_into_words_has_a_signature(tasks: Tasks) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert signature_of(run(tasks, Silent())).message == ""
