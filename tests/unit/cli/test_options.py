"""The flags: every one of MRQ 0.9, with its type and default, and how they are read."""

from __future__ import annotations

import platform

import click
import pytest
from click.testing import CliRunner

from mrq.cli.options import (
    WITHOUT_EFFECT,
    SettingOption,
    SettingsCommand,
    given_on_command_line,
    settings_options,
    version_option,
)
from mrq.settings import OPTIONS, load
from mrq.version import VERSION

ALL = [
    ("trace_greenlets", bool, False),
    ("trace_memory", bool, False),
    ("trace_io", bool, False),
    ("print_mongodb", bool, False),
    ("profile", bool, False),
    ("otel", bool, False),
    ("quiet", bool, False),
    ("use_large_job_ids", bool, False),
    ("no_import_patch", bool, False),
    ("trace_memory_type", str, ""),
    ("trace_memory_output_dir", str, "memory_traces"),
    ("mongodb_jobs", str, "mongodb://127.0.0.1:27017/mrq"),
    ("mongodb_logs", str, "1"),
    ("redis", str, "redis://127.0.0.1:6379"),
    ("redis_prefix", str, "mrq"),
    ("redis_max_connections", int, 1000),
    ("redis_timeout", float, 30),
    ("name", str, None),
    ("config", str, None),
    ("worker_class", str, "mrq.worker.Worker"),
    ("queue_ttl", float, 86400),
    ("log_handler", str, "mrq.logger.MongoHandler"),
    ("log_format", str, "%(asctime)s [%(levelname)s] %(message)s"),
    ("log_level", str, "DEBUG"),
    ("add_network_latency", str, "0"),
    ("default_job_ttl", float, 15552000),
    ("default_job_result_ttl", float, 604800),
    ("default_job_abort_ttl", float, 86400),
    ("default_job_cancel_ttl", float, 86400),
    ("default_job_timeout", float, 3600),
    ("default_job_max_retries", int, 3),
    ("default_job_retry_delay", int, 3),
    ("default_job_burst_limit", float, 0.0),
    ("server_timeout", float, 5),  # ours
    ("redis_cluster", str, "auto"),
]
RUN = [("queue", str, "")]
WORKER = [
    ("max_jobs", int, 0),
    ("max_time", float, 0),
    ("max_memory", int, 0),
    ("greenlets", int, 1),
    ("processes", int, 0),
    ("scheduler", bool, False),
    ("ensure_indexes", bool, False),
    ("scheduler_interval", float, 60),
    ("report_interval", float, 10),
    ("report_file", str, ""),
    ("agent_id", str, ""),
    ("worker_id", str, ""),
    ("worker_group", str, ""),
    ("task_whitelist", str, ""),
    ("task_blacklist", str, ""),
    ("subqueues_refresh_interval", float, 60),
    ("paused_queues_refresh_interval", float, 10),
    ("admin_port", int, 0),
    ("admin_ip", str, "127.0.0.1"),
    ("local_ip", str, None),
    ("external_ip", str, None),
    ("max_latency", float, 1.0),
    ("dequeue_strategy", str, "sequential"),
    # ours
    ("heartbeat_interval", float, 3),
    ("lease", float, 15),
    ("stop_timeout", float, 0),
    ("ecs_protect_after", float, 30.0),
    ("requeue_interrupted", bool, True),
    ("trace_blocking", float, 0.25),
    ("deploy", str, ""),
    ("emf", bool, False),
    ("stats", bool, True),
    ("stats_worker_ttl", float, 6 * 3600),
    ("stats_minute_ttl", float, 2 * 86400),
    ("stats_hour_ttl", float, 60 * 86400),
    ("stats_day_ttl", float, 730 * 86400),
    ("interrupt_requeue_delay", float, 10),
    ("max_losses", int, 3),
    ("guard", bool, True),
]
AGENT = [
    ("worker_group", str, "default"),
    ("total_memory", int, 0),
    ("total_cpu", int, 0),
    ("orchestrate_interval", float, 30),
    ("report_interval", float, 10),
    ("autoscaling_taskpath", str, None),
]
DASHBOARD = [
    ("dashboard_httpauth", str, ""),
    ("dashboard_queue", str, None),
    ("dashboard_port", int, 5555),
    ("dashboard_ip", str, "127.0.0.1"),
    ("dashboard_secret", str, ""),
    ("dashboard_url", str, ""),
    ("dashboard_root_path", str, ""),
    ("dashboard_proxy_header", str, ""),
    ("dashboard_proxy_role", str, "viewer"),
    ("dashboard_environment", str, ""),
    ("dashboard_oidc_issuer", str, ""),
    ("dashboard_oidc_client_id", str, ""),
    ("dashboard_oidc_client_secret", str, ""),
    ("dashboard_oidc_scope", str, "openid email profile"),
    ("dashboard_oidc_name", str, "email"),
    ("dashboard_oidc_groups", str, "groups"),
    ("dashboard_oidc_role", str, ""),
    ("dashboard_audit_ttl", float, 365 * 86400),
]
LISTS = {"dashboard": {"dashboard_proxies"}}  # flags whose values are several words
COMMANDS = {"client": [], "run": RUN, "worker": WORKER, "agent": AGENT, "dashboard": DASHBOARD}
CASES = [
    pytest.param(command, *row, id=f"{command}-{row[0]}") for command, own in COMMANDS.items() for row in ALL + own
]


def build(command, seen=None):
    @click.command(cls=SettingsCommand)
    @settings_options(command)
    @click.pass_context
    def function(ctx, **values):
        if seen is not None:
            seen.update(given_on_command_line(ctx))

    return function


def parse(command, *words):
    seen = {}
    result = CliRunner().invoke(build(command, seen), words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return seen


@pytest.mark.parametrize(("command", "key", "kind", "default"), CASES)
def test_flag_type_and_default(command, key, kind, default):
    found = getattr(load(command, environ={}, sources=("env",)).settings, key)
    assert found == default
    assert default is None or type(found) is kind
    words, value = {
        bool: ([f"--{key}"], True),
        int: ([f"--{key}", "7"], 7),
        float: ([f"--{key}", "7.5"], 7.5),
        str: ([f"--{key}", "some text"], "some text"),
    }[kind]
    assert parse(command, *words) == {key: value}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_has_other_flags(command):
    found = {parameter.name for parameter in build(command).params if isinstance(parameter, SettingOption)}
    assert found == {row[0] for row in ALL + COMMANDS[command]} | LISTS.get(command, set())


def test_a_flag_may_have_several_words():
    assert parse("dashboard", "--dashboard_proxies", "10.0.3.7 10.0.4.0/24") == {
        "dashboard_proxies": "10.0.3.7 10.0.4.0/24"
    }
    given = {"dashboard_proxies": "10.0.3.7 10.0.4.0/24"}
    found = load("dashboard", given=given, environ={}, sources=("args",)).settings.dashboard_proxies
    assert found == ["10.0.3.7", "10.0.4.0/24"]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--mongodb", "x"], {"mongodb_jobs": "x"}),
        (["--gevent", "5"], {"greenlets": 5}),
        (["-g", "5"], {"greenlets": 5}),
        (["-g5"], {"greenlets": 5}),
        (["--greenlets=5"], {"greenlets": 5}),
        (["-p", "2"], {"processes": 2}),
        (["-c", "file.py"], {"config": "file.py"}),
        (["--max-jobs", "5"], {"max_jobs": 5}),
        (["--mongodb-jobs", "x"], {"mongodb_jobs": "x"}),
        (["--no_guard"], {"guard": False}),
        (["--no-guard"], {"guard": False}),
        (["--guard"], {"guard": True}),
        (["--no_requeue_interrupted"], {"requeue_interrupted": False}),
        (["--no_stats"], {"stats": False}),
        (["--log_format", "a-b"], {"log_format": "a-b"}),
        (["high", "--max_jobs", "1", "low-prio"], {"queues": ("high", "low-prio"), "max_jobs": 1}),
        (["--max_jobs", "0"], {"max_jobs": 0}),
        ([], {}),
    ],
)
def test_spellings(words, given):
    assert parse("worker", *words) == given


def test_plain_words_reach_the_settings():
    assert load("worker", given=parse("worker", "a", "b"), environ={}).settings.queues == ["a", "b"]


def test_the_environment_is_not_the_command_line(monkeypatch):
    monkeypatch.setenv("MRQ_MAX_JOBS", "5")
    assert parse("worker") == {}


def test_a_mistyped_flag_gets_a_suggestion():
    result = CliRunner().invoke(build("worker"), ["--greenlts", "3"])
    assert result.exit_code == 2
    assert "--greenlts" in result.output
    assert "--greenlets" in result.output


def test_a_wrong_value_names_the_flag():
    result = CliRunner().invoke(build("worker"), ["-g", "ten"])
    assert result.exit_code == 2
    assert "'--greenlets'" in result.output
    assert "'ten' is not a valid integer" in result.output


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_of_the_old_commands_ends_with_1(flag):
    result = CliRunner().invoke(build("worker"), [flag])
    assert result.output == f"MRQ v{VERSION}\nPython v{platform.python_version()}\n"
    assert result.exit_code == 1


def test_version_of_the_new_command_ends_with_0():
    @click.command()
    @version_option(0)
    def function():
        raise AssertionError("not called")

    result = CliRunner().invoke(function, ["--version"])
    assert result.output.startswith(f"MRQ v{VERSION}\n")
    assert result.exit_code == 0


def test_version_can_be_left_out():
    @click.command(cls=SettingsCommand)
    @settings_options("worker", version_exit_code=None)
    def function(**values): ...

    assert CliRunner().invoke(function, ["-v"]).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_grouped(command):
    result = CliRunner().invoke(build(command), ["-h"], terminal_width=200)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.output.splitlines()]
    for key, _kind, _default in ALL + COMMANDS[command]:
        about = OPTIONS[key]
        line = next(line for line in lines if f"--{key} " in f"{line} " or f"--{key}," in line)
        section = f"{about.group if about.has_effect else WITHOUT_EFFECT}:"
        assert section in lines
        assert lines.index(section) < lines.index(line)
    assert ("Worker:" in lines) == (command in ("worker", "agent"))


def test_help_shows_type_default_unit_and_what_is_not_there_yet():
    text = " ".join(CliRunner().invoke(build("worker"), ["--help"], terminal_width=200).output.split())
    for part in (
        "-g, --greenlets, --gevent INT Jobs that run at the same time [default: 1]",
        "[default: 15 seconds]",
        "Look for new jobs this often while idle [default: 1 second]",
        "--guard, --no_guard Watch the worker from a second process that keeps its lease [default: on]",
        "--profile Sample where the time goes as long as the process lives, and say it at the end",
        "--no_import_patch Do not patch imports (deprecated) (no effect)",
        "QUEUES... Queues to take jobs from [default: default]",
        "-v, --version Show the versions.",
        "[seconds, default: 180 days]",
        "[seconds, default: 1 hour]",
        "Stop after this many jobs; 0: no limit [default: 0]",
    ):
        assert part in text
    assert "15552000" not in text


def test_what_has_no_effect_comes_last():
    lines = CliRunner().invoke(build("worker"), ["--help"], terminal_width=200).output.splitlines()
    last = lines.index(f"{WITHOUT_EFFECT}:")
    for line in lines[:last]:
        assert "(not there yet)" not in line
        assert "(no effect)" not in line
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")][-1] == lines[last]
