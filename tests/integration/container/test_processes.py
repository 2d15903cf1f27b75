"""`mrq.processes` and `mrq.supervisor`, with real commands."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import psutil
import pytest

from mrq.processes import ProcessPool
from mrq.supervisor import Supervisor
from mrq_container.lifeline import tied, unheard
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = "/bin/sleep 600"
OTHER = "/bin/sleep 601"
STUBBORN = "/bin/sh -c 'trap \"\" INT TERM; echo up >> up; while :; do sleep 0.1; done'"
PATIENCE = 40.0


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessPool]:
    """A pool that is watched."""
    monkeypatch.chdir(tmp_path)
    pool = ProcessPool(watch_interval=0.1, extra_env={"GIVEN": "by the pool"})
    pool.start()
    yield pool
    pool.kill()
    assert pool.wait(PATIENCE)


def pids(pool: ProcessPool) -> list[int]:
    return [process["pid"] for process in pool.processes]


def wait_for(pool: ProcessPool, *commands: str) -> None:
    """Until exactly these run."""
    wait_until(lambda: Counter(pool.commands) == Counter(commands), PATIENCE, what=f"{commands} run")


def has_become(pid: int) -> Callable[[], bool]:
    """Whether a process runs its command by now."""
    return lambda: psutil.Process(pid).name() == "sleep"


def test_the_commands_run_at_once_as_often_as_they_are_in_the_list(pool: ProcessPool) -> None:
    pool.set_commands([SLEEP, OTHER, SLEEP])
    assert Counter(pool.commands) == {SLEEP: 2, OTHER: 1}
    for process in pool.processes:
        assert process.keys() == {"command", "pid", "subprocess", "psutil"}
        assert process["subprocess"].poll() is None
        assert process["psutil"].pid == process["subprocess"].pid == process["pid"]
        wait_until(has_become(process["pid"]))


def test_a_change_of_the_list_leaves_alone_what_stays(pool: ProcessPool) -> None:
    pool.set_commands([SLEEP, SLEEP])
    before = pids(pool)
    pool.set_commands([SLEEP, OTHER])
    wait_for(pool, SLEEP, OTHER)
    assert len(set(before) & set(pids(pool))) == 1


def test_a_process_that_ends_is_started_again(pool: ProcessPool) -> None:
    pool.set_commands([SLEEP])
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pids(pool) and pids(pool) != [pid], PATIENCE, what="another one")
    wait_for(pool, SLEEP)


def test_variables_reach_the_processes_those_of_the_command_first(pool: ProcessPool, tmp_path: Path) -> None:
    show = "/bin/sh -c 'echo $GIVEN $MINE $MRQ_IS_SUBPROCESS > said; sleep 600'"
    pool.set_commands([f"MINE='of the command' {show}"])
    said = tmp_path / "said"
    wait_until(lambda: said.exists() and said.read_text(), what="it has said something")
    assert said.read_text() == "by the pool of the command 1\n"


def test_signals_have_their_usual_effect_on_the_processes(pool: ProcessPool, tmp_path: Path) -> None:
    pool.set_commands(["/bin/sh -c 'grep SigIgn /proc/self/status > ignored; sleep 600'"])
    ignored = tmp_path / "ignored"
    wait_until(lambda: ignored.exists() and ignored.read_text(), what="it has said something")
    mask = int(ignored.read_text().split()[1], 16)
    assert not mask & (1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGINT - 1))


def test_a_command_that_is_not_there_is_tried_again_and_holds_up_no_other(pool: ProcessPool) -> None:
    pool.set_commands(["/no/such/program", SLEEP])
    wait_until(lambda: SLEEP in pool.commands, what="the other one runs")
    pool.set_commands([SLEEP])
    wait_for(pool, SLEEP)


@pytest.mark.parametrize("bad", ["/bin/sleep 'a", "A=1", "", "/bin/sleep a\0b"])
def test_a_list_with_a_command_that_can_not_be_read_changes_nothing(pool: ProcessPool, bad: str) -> None:
    pool.set_commands([SLEEP])
    before = pids(pool)
    with pytest.raises(ValueError, match=r"quotation|program|NUL"):
        pool.set_commands([bad])
    assert pids(pool) == before


def test_what_no_process_can_be_given_holds_up_no_other() -> None:
    pool = ProcessPool(watch_interval=0.1, extra_env={"A": "a\0b"})
    pool.start()
    pool.set_commands([SLEEP, OTHER])
    assert pool.processes == []
    pool.stop()
    assert pool.wait(PATIENCE), "none of them counts as running"


def test_a_process_that_the_system_does_not_show_is_watched_all_the_same(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int) -> None:
        raise psutil.AccessDenied

    with monkeypatch.context() as patched:
        patched.setattr(psutil, "Process", refuse)
        pool.set_commands([SLEEP])
        (process,) = pool.processes
    assert process["psutil"] is None
    os.kill(process["pid"], signal.SIGKILL)
    wait_until(lambda: pids(pool) not in ([], [process["pid"]]), PATIENCE, what="another one")


def test_processes_outlive_the_thread_that_asked_for_them(pool: ProcessPool) -> None:
    def ask() -> None:
        pool.set_commands([SLEEP])
        wait_until(lambda: all(has_become(each)() for each in pids(pool)), PATIENCE, what="it runs")

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    (pid,) = pids(pool)
    pool.set_commands([SLEEP, OTHER])  # started later, by a thread that lives
    wait_until(lambda: all(has_become(each)() for each in pids(pool)), PATIENCE, what="both run")
    assert pid in pids(pool)


def test_what_does_not_finish_in_time_is_ended(pool: ProcessPool, tmp_path: Path) -> None:
    pool.set_commands(["/bin/sh -c 'trap \"\" INT; echo up >> up; while :; do sleep 0.1; done'"])
    wait_until((tmp_path / "up").exists)
    pool.set_commands([], timeout=0.2)
    wait_for(pool)


def test_stopped_a_pool_starts_nothing_and_is_over_when_all_have_ended(pool: ProcessPool, tmp_path: Path) -> None:
    pool.set_commands([SLEEP, STUBBORN])
    wait_until((tmp_path / "up").exists)
    wait_until(lambda: all(has_become(p["pid"])() for p in pool.processes if p["command"] == SLEEP))
    pool.stop()
    wait_for(pool, STUBBORN)
    assert not pool.wait(0)
    pool.set_commands([OTHER])
    pool.terminate()
    assert pool.commands == [STUBBORN]
    pool.kill()
    assert pool.wait(PATIENCE)
    assert pool.processes == []


def test_a_pool_that_nobody_watches_is_looked_after_by_hand() -> None:
    pool = ProcessPool()
    pool.set_commands([SLEEP])
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        pool.watch_processes()
        return bool(pids(pool)) and pids(pool) != [pid]

    wait_until(again, PATIENCE)
    pool.terminate()
    assert pool.wait(PATIENCE)


def test_a_pool_looks_after_its_processes_no_more_often_than_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ProcessPool(watch_interval=0.1)
    looks: list[float] = []
    look = pool.watch_processes

    def watch() -> None:
        looks.append(time.monotonic())
        look()

    monkeypatch.setattr(pool, "watch_processes", watch)
    pool.start()
    pool.set_commands([SLEEP])
    (pid,) = pids(pool)
    begun = len(looks)
    wait_until(lambda: len(looks) > begun + 5, PATIENCE, what="six looks")
    assert looks[begun + 5] - looks[begun + 1] >= 3 * 0.1
    assert pids(pool) == [pid]
    pool.terminate()
    assert pool.wait(PATIENCE)


PROGRAM = """
import sys
from mrq.supervisor import Supervisor
from mrq_container.lifeline import tied, unheard
Supervisor({command!r}, numprocs=2).work()
print("over")
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_supervisor_keeps_a_command_running_and_leaves_nothing_behind(end: int) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(command=SLEEP)], stdout=subprocess.PIPE, text=True
    )
    me = psutil.Process(supervisor.pid)

    def children() -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):  # one ends just now
            found = [child for child in me.children() if child.status() != psutil.STATUS_ZOMBIE]
            return found if len(found) == 2 and all(child.name() == "sleep" for child in found) else []
        return []

    first = wait_until(children, PATIENCE, what="two children")
    first[0].kill()
    wait_until(lambda: first[0] not in children() and children(), PATIENCE, what="another child")
    last = children()
    supervisor.send_signal(end)
    said, _ = supervisor.communicate(timeout=PATIENCE)
    assert (supervisor.returncode, said) == ((-9, "") if end == signal.SIGKILL else (0, "over\n"))
    wait_until(lambda: not any(child.is_running() for child in last), PATIENCE, what="no child is left")


def test_a_supervisor_reads_its_command_first() -> None:
    with pytest.raises(ValueError, match="names no program"):
        Supervisor("A=1")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a command is started as it is")
def test_a_process_feels_no_sigint_before_it_can_obey_it() -> None:
    """One that came while the Python in between was starting was lost now and then, and the process ran for ever."""
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    command = [sys.executable, "-c", code]
    with unheard():
        said = [subprocess.check_output(words, text=True).strip() for words in (command, tied(command))]
    assert said == ["True", "False"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
