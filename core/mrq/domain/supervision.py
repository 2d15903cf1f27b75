"""What a supervisor of worker processes does: events in, actions out. No process, no clock, no signal in here.

A supervisor of none (`processes` 0) is the guard of one worker and ends with it; one of N keeps N workers at work
until it is told to end. It says nothing by itself: what is worth saying is an action too.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from enum import Enum, auto

from mrq.domain.backoff import RestartPauses

BAD_CONFIGURATION = 2
"""Exit code of a worker whose settings can't be used."""
START_PATIENCE = 120.0
"""Seconds that a worker which is to replace another may take until it serves."""
FIRST_PATIENCE = 600.0
"""Seconds that any other worker may take: nobody works in its place."""
_NEVER = float("inf")


class Order(Enum):
    """What a supervisor is told."""

    FINISH = auto()  # take no more jobs, end when the running ones have; told twice: INTERRUPT
    INTERRUPT = auto()  # end now
    ROLL = auto()  # replace all workers, one after the other


class Do(Enum):
    """What is to be done to a worker."""

    START = auto()
    FINISH = auto()
    INTERRUPT = auto()
    KILL = auto()  # it never served


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done to a worker, which is known by a number."""

    do: Do
    child: int


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the log. `warning`: something is not as it should be."""

    text: str
    warning: bool = True


_TELLING = {0: "exit code 0", 2: "exit code 2: its settings can't be used"}


@dataclass(frozen=True, slots=True)
class End:
    """How a worker process ended.

    code: as a shell has it; below 0: minus the signal. on_purpose: it said goodbye. replace: and asked for a successor.
    killed: by its supervisor, because it was stuck. name: what to call it in the log.
    """

    code: int
    on_purpose: bool = False
    replace: bool = False
    killed: bool = False
    name: str = "the worker"

    @property
    def in_words(self) -> str:
        """For the log."""
        if self.killed:
            return "killed by what watches it, because it was stuck"
        if not self.on_purpose and self.code in _TELLING:
            return _TELLING[self.code]
        from_signal = f"killed by {signal_name(-self.code)}" if self.code < 0 else f"exit code {self.code}"
        if self.replace:
            return f"it asked for a successor, {from_signal}"
        return f"on purpose, {from_signal}" if self.on_purpose else f"{from_signal} without saying goodbye"


def signal_name(number: int) -> str:
    """`SIGTERM`; for SIGKILL also who sends it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"{name} (by a person, or by the system for want of memory)" if name == "SIGKILL" else name


@dataclass(slots=True)
class _Child:
    number: int
    post: _Post
    generation: int
    since: float
    heard: float  # when it was last known to be getting on
    ready: bool = False
    told: Do | None = None


@dataclass(slots=True)
class _Post:
    """One of N places. `successor`: is to take the child's place; `leaving`: has given its place up."""

    child: _Child | None = None
    successor: _Child | None = None
    leaving: _Child | None = None
    due: float = _NEVER  # when to start a child
    pauses: RestartPauses = field(default_factory=RestartPauses)


class Supervision:
    """The state of one supervisor. Every method takes the time in seconds, of any clock that never goes back."""

    def __init__(self, processes: int = 0) -> None:
        self.exit_code = 0
        self._processes = processes
        self._posts = [_Post()]
        self._children: dict[int, _Child] = {}
        self._next_number = 0
        self._generation = 0
        self._has_served = False
        self._stopping: Do | None = None

    # ---- what is to be seen

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: end with `exit_code`."""
        return not self._children and all(post.due == _NEVER for post in self._posts)

    @property
    def stopping(self) -> bool:
        """Whether it was told to end, or has to."""
        return self._stopping is not None

    @property
    def serving(self) -> int:
        """Workers that take jobs."""
        return sum(1 for child in self._children.values() if child.ready and child.told is None)

    def wait(self, now: float, longest: float) -> float:
        """Seconds until `tick` has something to do, at most `longest`."""
        return max(0.0, min([longest, *(post.due - now for post in self._posts)]))

    # ---- what happens

    def begin(self, now: float) -> list[Action | Say]:
        """Start the first worker. The others follow once it serves: what is wrong with all is said once."""
        return [self._start(self._posts[0], now)]

    def wants(self, processes: int) -> None:
        """The first worker has read in its settings how many there are to be."""
        self._processes = processes

    def starting(self, number: int, at: float) -> None:
        """A worker that doesn't serve yet was doing something that takes its time, such as building indexes."""
        self._children[number].heard = max(self._children[number].heard, at)

    def ready(self, number: int, now: float) -> list[Action | Say]:
        """A worker has registered and takes jobs. May be told again and again."""
        child = self._children[number]
        if child.ready:
            return []
        child.ready = True
        actions: list[Action | Say] = []
        first, self._has_served = not self._has_served, True
        if self.stopping:
            return []
        if first and self._processes > 1:
            self._posts += [_Post() for _ in range(self._processes - len(self._posts))]
            actions += [self._start(post, now) for post in self._posts if post.child is None]
        post = child.post
        if post.successor is child:
            post.leaving, post.child, post.successor = post.child, child, None
            if post.leaving is not None:
                actions.append(self._tell(post.leaving, Do.FINISH))
        return actions + self._roll(now)

    def ended(self, number: int, end: End, now: float) -> list[Action | Say]:
        """A worker's process has ended."""
        child = self._children.pop(number)
        post = child.post
        actions: list[Action | Say] = []
        if end.on_purpose and not end.killed:
            actions += self._said_goodbye(end)
        elif child.ready:
            actions.append(Say(f"{end.name} died ({end.in_words}); its jobs are given back"))
        if self.stopping:
            self._count(child, end)
        elif post.leaving is child:
            post.leaving = None
        elif post.successor is child:
            post.successor = None
            actions.append(self._hold(end))
        elif post.successor is not None:  # it was to take this place anyway
            post.child, post.successor = post.successor, None
        else:
            post.child = None
            actions += self._after(child, end, now)
        if not self.stopping:
            actions += self._roll(now)
        return actions

    def told(self, order: Order, now: float) -> list[Action | Say]:
        """A signal came."""
        if order is Order.ROLL and self._processes == 0:
            order = Order.INTERRUPT  # a lone worker whose terminal is gone
        if order is Order.ROLL:
            return self._begin_roll(now)
        again = self._stopping is not None
        return self._stop(Do.INTERRUPT if order is Order.INTERRUPT or again else Do.FINISH)

    def tick(self, now: float) -> list[Action | Say]:
        """Time has passed."""
        actions: list[Action | Say] = []
        for post in self._posts:
            if post.due <= now:
                actions.append(Say("starting another worker"))
                actions.append(self._start(post, now))
        for child in self._children.values():
            patience = START_PATIENCE if child.post.successor is child else FIRST_PATIENCE
            if not child.ready and child.told is None and now - child.heard > patience:
                actions.append(Say(f"a new worker does not serve after {patience:g} s: it is killed"))
                actions.append(self._tell(child, Do.KILL))
        return actions

    # ---- inside

    def _start(self, post: _Post, now: float, *, successor: bool = False) -> Action:
        child = _Child(self._next_number, post, self._generation, now, now)
        self._next_number += 1
        self._children[child.number] = child
        post.due = _NEVER
        if successor:
            post.successor = child
        else:
            post.child = child
        return Action(Do.START, child.number)

    def _tell(self, child: _Child, what: Do) -> Action:
        child.told = what
        return Action(what, child.number)

    def _stop(self, how: Do) -> list[Action | Say]:
        self._stopping = how
        for post in self._posts:
            post.due = _NEVER
        actions: list[Action | Say] = []
        for child in self._children.values():
            # one that hasn't got going yet has nothing to finish, and no handler for a quiet end
            wanted = how if child.ready else Do.INTERRUPT
            # told again and again to end at once: what it didn't hear before, it may hear now
            if wanted is Do.INTERRUPT or child.told is None:
                actions.append(self._tell(child, wanted))
        return actions

    def _said_goodbye(self, end: End) -> list[Action | Say]:
        quiet = self.stopping or self._processes == 0
        return [] if quiet else [Say(f"{end.name} has ended ({end.in_words})", warning=end.code != 0)]

    def _count(self, child: _Child, end: End) -> None:
        """What a worker that was to end has to say about the exit code."""
        if not child.ready or (end.killed and child.told is Do.INTERRUPT):
            return  # it hadn't begun, or had to be helped
        self._fail(end)

    def _fail(self, end: End) -> None:
        code = 1 if end.killed else 128 - end.code if end.code < 0 else end.code
        self.exit_code = max(self.exit_code, code)

    def _after(self, child: _Child, end: End, now: float) -> list[Action | Say]:
        """A worker left its place empty, unasked."""
        post, lived = child.post, now - child.since
        if not child.ready and not end.on_purpose:
            # Its message is on the screen. Trying again helps nobody, unless there were workers here before: then it
            # is a server that is away, and it will come back.
            alone = self._processes == 0 or not self.serving
            if not self._has_served or (end.code == BAD_CONFIGURATION and alone):
                self._fail(end)
                return self._stop(Do.INTERRUPT)
            pause = self._again(post, lived, now)
            return [Say(f"no worker could be started ({end.in_words}); next try in {pause:g} s")]
        if self._processes == 0 and end.on_purpose and not end.killed and not end.replace:
            self._fail(end)
            return []
        self._again(post, lived, now, forgiven=end.replace and not end.killed)
        return []

    def _again(self, post: _Post, lived: float, now: float, *, forgiven: bool = False) -> float:
        pause = post.pauses.after(lived, forgiven=forgiven)
        post.due = now + pause
        return pause

    # ---- one by one

    def _begin_roll(self, now: float) -> list[Action | Say]:
        if self.stopping or not self._has_served:
            return [Say("the workers are not replaced now: they are starting or ending")]
        self._generation += 1
        return [Say("replacing the workers, one by one", warning=False), *self._roll(now)]

    def _roll(self, now: float) -> list[Action | Say]:
        """The next step of a replacement: a new worker beside an old one, when all places have one that serves."""
        if any(post.successor or post.leaving or post.child is None or not post.child.ready for post in self._posts):
            return []
        for post in self._posts:
            old = post.child
            if old is not None and old.ready and old.told is None and old.generation < self._generation:
                return [self._start(post, now, successor=True)]
        return []

    def _hold(self, end: End) -> Say:
        """A new worker could not take an old one's place: all stay that are here."""
        for child in self._children.values():
            child.generation = self._generation
        return Say(f"a new worker could not be started ({end.in_words}): the others are not replaced and work on")
