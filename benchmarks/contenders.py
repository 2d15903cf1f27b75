"""Who is measured, with which settings in which case. Each runs in an environment of its own (`benchmarks/peers`)."""

from __future__ import annotations

from dataclasses import dataclass, field

# The cases that start workers, by the names they have in the results.
DRAIN = "drain"
LOSSY = "drain, no results"
TWO = "drain, 2 processes"
FOUR = "drain, 4 processes"
RAW_KEPT = "raw queue, stored"
RAW_FAST = "raw queue, not stored"
IO = "I/O-bound"
MIXED = "heterogeneous"
IDLE = "idle"
ENQUEUE = "enqueue"

OURS = "MRQ cloud"
OLD = "MRQ 0.9"


@dataclass(frozen=True)
class Run:
    """How a contender's worker is started in a case: `flags` follow its command; `processes`: so many of it."""

    flags: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    processes: int = 1


@dataclass(frozen=True)
class Contender:
    """A library with one way to run its workers.

    `peer`: its module is `benchmarks/peers/PEER_peer.py`, its requirements are in `PEER.txt` beside it.
    `command`: `{bin}` is the folder of its environment's programs. `service`: what holds its jobs. `durable`: what
    was enqueued survives a killed server. `producer`: whether enqueueing is measured with this one. `quick`: whether
    it is in a quick run. `signal`: how its worker is asked to stop.
    """

    name: str
    peer: str
    command: str
    cases: dict[str, Run]
    service: str = "redis"
    durable: bool = False
    producer: bool = False
    quick: bool = False
    signal: str = "SIGTERM"
    environment: dict[str, str] = field(default_factory=dict)


def _same(flags: str, environment: dict[str, str] | None = None, *cases: str) -> dict[str, Run]:
    return dict.fromkeys(cases or (DRAIN, LOSSY), Run(flags, environment or {}))


_CELERY = "{bin}/celery -q --skip-checks -A celery_peer worker -l WARNING --without-gossip --without-mingle"
_MANY = {"BENCH_PREFETCH": "64"}
_SAFE = {"BENCH_PREFETCH": "64", "BENCH_THREAD_SAFE": "1"}

CELERY = [
    Contender(
        "celery, prefork",
        "celery",
        _CELERY,
        {
            **_same("-P prefork -c 1", _MANY),
            TWO: Run("-P prefork -c 2", _MANY),
            FOUR: Run("-P prefork -c 4", _MANY),
            MIXED: Run("-P prefork -c 2"),
            IDLE: Run("-P prefork -c 1"),
        },
        producer=True,
        quick=True,
    ),
    Contender(
        "celery, threads",
        "celery",
        _CELERY,
        {
            **_same("-P threads -c 10", {**_SAFE, "BENCH_PREFETCH": "16"}),
            IO: Run("-P threads -c 100"),
            IDLE: Run("-P threads -c 10"),
        },
    ),
    Contender(
        "celery, gevent",
        "celery",
        _CELERY,
        {
            **_same("-P gevent -c 10", _SAFE),
            IO: Run("-P gevent -c 100"),
            MIXED: Run("-P gevent -c 10", processes=2),
            IDLE: Run("-P gevent -c 100"),
        },
    ),
]

_RQ = "{bin}/rq worker -q -u {redis} -P {peers}"
RQ = [
    Contender(
        "rq, SimpleWorker",
        "rq",
        f"{_RQ} -w rq.SimpleWorker",
        {**_same(""), TWO: Run(processes=2), FOUR: Run(processes=4), MIXED: Run(processes=2), IDLE: Run()},
        producer=True,
        quick=True,
    ),
    Contender("rq, fork", "rq", _RQ, {**_same(""), IDLE: Run()}),
]

_FETCH = {"dramatiq_queue_prefetch": "1000"}
_IO_FETCH = {"dramatiq_queue_prefetch": "2000"}
DRAMATIQ = [
    Contender(
        "dramatiq, threads",
        "dramatiq",
        "{bin}/dramatiq dramatiq_peer",
        {
            **_same("-p 1 -t 1", _FETCH),
            TWO: Run("-p 2 -t 1", _FETCH),
            FOUR: Run("-p 4 -t 1", _FETCH),
            IO: Run("-p 1 -t 100", _IO_FETCH),
            MIXED: Run("-p 2 -t 8"),
            IDLE: Run("-p 1 -t 8"),
        },
        producer=True,
    ),
    Contender(
        "dramatiq, gevent",
        "dramatiq",
        "{bin}/dramatiq-gevent dramatiq_peer",
        {
            **_same("-p 1 -t 32", _FETCH),
            IO: Run("-p 1 -t 100", _IO_FETCH),
            IDLE: Run("-p 1 -t 100"),
        },
        quick=True,
    ),
]

_GREENLETS = (
    "{bin}/python -c 'from gevent import monkey; monkey.patch_all(); "
    "from huey.bin.huey_consumer import consumer_main; consumer_main()' huey_peer.huey -q"
)
HUEY = [
    Contender(
        "huey, threads",
        "huey",
        "{bin}/huey_consumer huey_peer.huey -q",
        {
            **_same("-k thread -w 4 -n"),
            TWO: Run("-k process -w 2 -n"),
            FOUR: Run("-k process -w 4 -n"),
            IO: Run("-k thread -w 100 -n"),
            MIXED: Run("-k process -w 2 -n"),
            IDLE: Run("-k thread -w 1"),
        },
        signal="SIGINT",
        producer=True,
        quick=True,
    ),
    Contender(
        "huey, greenlets",
        "huey",
        _GREENLETS,
        {
            **_same("-k greenlet -w 4 -n"),
            IO: Run("-k greenlet -w 100 -n"),
            IDLE: Run("-k greenlet -w 100"),
        },
        signal="SIGINT",
    ),
]

_POLL = {"BENCH_POLL": "0.001", "BENCH_CONCURRENCY": "50"}
ARQ = [
    Contender(
        "arq",
        "arq",
        "{bin}/arq arq_peer.WorkerSettings --custom-log-dict arq_peer.LOG",
        {
            **_same("", _POLL),
            TWO: Run("", _POLL, processes=2),
            FOUR: Run("", _POLL, processes=4),
            IO: Run("", {**_POLL, "BENCH_CONCURRENCY": "100"}),
            MIXED: Run("", {"BENCH_POLL": "0.01"}, processes=2),
            IDLE: Run("", {"BENCH_POLL": "0.01"}),
        },
        producer=True,
        quick=True,
    )
]

_TASKIQ = "{bin}/taskiq worker taskiq_peer:broker --log-level WARNING --max-async-tasks 100"


def _taskiq(name: str, environment: dict[str, str], *, producer: bool = False) -> Contender:
    one, two, four = Run("-w 1"), Run("-w 2"), Run("-w 4")
    cases = {DRAIN: one, LOSSY: one, TWO: two, FOUR: four, IO: one, MIXED: two, IDLE: one}
    return Contender(name, "taskiq", _TASKIQ, cases, environment=environment, producer=producer, quick=not producer)


TASKIQ = [_taskiq("taskiq, list", {}, producer=True), _taskiq("taskiq, stream", {"BENCH_STREAM": "1"})]

PROCRASTINATE = [
    Contender(
        "procrastinate",
        "procrastinate",
        "{bin}/procrastinate --log-level warning --app procrastinate_peer.app worker",
        {
            DRAIN: Run("-c 10"),
            TWO: Run("-c 10", processes=2),
            FOUR: Run("-c 10", processes=4),
            IO: Run("-c 100", {"BENCH_CONNECTIONS": "20"}),
            MIXED: Run("-c 1", processes=2),
            IDLE: Run("-c 1"),
        },
        service="postgres",
        durable=True,
        producer=True,
    )
]

STREAQ = [
    Contender(
        "streaq",
        "streaq",
        "{bin}/streaq run streaq_peer:worker",
        {
            **_same(""),
            TWO: Run(processes=2),
            FOUR: Run(processes=4),
            IO: Run("", {"BENCH_CONCURRENCY": "100"}),
            MIXED: Run(processes=2),
            IDLE: Run(),
        },
        producer=True,
        quick=True,
    )
]

REPID = [
    Contender(
        "repid",
        "repid",
        "{bin}/python repid_peer.py",
        {LOSSY: Run(), IO: Run(), MIXED: Run(processes=2), IDLE: Run()},
        producer=True,
    )
]

# gevent has renamed what MRQ 0.9 calls; all else is as it was released.
_OLD = (
    "{bin}/python -c 'import gevent; from mrq.bin.mrq_worker import main; "
    "gevent.signal = gevent.signal_handler; main()' --quiet --config {peers}/mrq09_config.py"
)
OLD_MRQ = [
    Contender(
        OLD,
        "mrq09",
        _OLD,
        {
            DRAIN: Run("--greenlets 50"),
            TWO: Run("--greenlets 50", processes=2),
            FOUR: Run("--greenlets 50", processes=4),
            RAW_KEPT: Run("--greenlets 30 kept_raw", {"BENCH_RAW": "kept_raw"}),
            RAW_FAST: Run("--greenlets 50 fast_raw", {"BENCH_RAW": "fast_raw"}),
            IO: Run("--greenlets 100"),
            MIXED: Run("--greenlets 10", processes=2),
            IDLE: Run("--greenlets 100 --max_latency 0.01"),
        },
        service="mongodb",
        durable=True,
        producer=True,
        quick=True,
    )
]

OUR_OWN = [
    Contender(
        OURS,
        "mrq_cloud",
        "{bin}/python -m mrq_container.command --log_level WARNING --config {peers}/mrq_cloud_config.py",
        {
            DRAIN: Run("--greenlets 100"),
            TWO: Run("--greenlets 100", processes=2),
            FOUR: Run("--greenlets 100", processes=4),
            RAW_KEPT: Run("--greenlets 100 kept_raw", {"BENCH_RAW": "kept_raw"}),
            RAW_FAST: Run("--greenlets 100 fast_raw", {"BENCH_RAW": "fast_raw"}),
            IO: Run("--greenlets 100"),
            MIXED: Run("--greenlets 10", processes=2),
            IDLE: Run("--greenlets 100"),
        },
        service="mongodb",
        durable=True,
        producer=True,
        quick=True,
    )
]

CONTENDERS = [
    *OUR_OWN, *OLD_MRQ, *CELERY, *RQ, *DRAMATIQ, *HUEY, *ARQ, *TASKIQ, *PROCRASTINATE, *STREAQ, *REPID,
]  # fmt: skip
