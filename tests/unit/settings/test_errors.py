"""What a user is told about a wrong or mistyped setting."""

from __future__ import annotations

import re

import pytest

from mrq.exceptions import ConfigError
from mrq.settings import Settings, load

NO_ENV: dict[str, str] = {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("GREENLETS = '10'", "GREENLETS = '10' in mrq-config.py should be int, not str"),
        ("GREENLETS = True", "GREENLETS = True in mrq-config.py should be int, not bool"),
        ("GREENLETS = None", "GREENLETS = None in mrq-config.py should be int, not NoneType"),
        ("GREENLETS = 0", "GREENLETS = 0 in mrq-config.py should be 1 or more"),
        ("MAX_LATENCY = 0", "MAX_LATENCY = 0.0 in mrq-config.py should be more than 0"),
        ("MAX_JOBS = -1", "MAX_JOBS = -1 in mrq-config.py should be 0 or more"),
        ("MAX_TIME = float('nan')", "MAX_TIME = nan in mrq-config.py is not a number that can be used"),
        ("MAX_TIME = '5'", "MAX_TIME = '5' in mrq-config.py should be float, not str"),
        ("QUIET = 'no'", "QUIET = 'no' in mrq-config.py should be bool, not str"),
        ("NAME = 5", "NAME = 5 in mrq-config.py should be str, not int"),
        ("QUEUES = [1]", "QUEUES = [1] in mrq-config.py should be a list of str"),
        ("REDIS = 5", "REDIS = 5 in mrq-config.py should be a URL or a client object, not int"),
        ("LOG_LEVEL = 'LOUD'", "LOG_LEVEL = 'LOUD' in mrq-config.py should be one of DEBUG, INFO, WARNING"),
        ("METRIC_HOOK = 'x'", "METRIC_HOOK = 'x' in mrq-config.py should be a function, not str"),
        (
            "DEQUEUE_STRATEGY = 'fast'",
            "should be one of sequential, parallel, burst, or the dotted path of your own",
        ),
        ("TASKS = []", "TASKS = [] in mrq-config.py should be dict, not list"),
        ("TASKS = {'t.T': 5}", "TASKS['t.T'] = 5 in mrq-config.py should be dict, not int"),
        ("TASKS = {5: {}}", "TASKS[5] = {} in mrq-config.py should have a str as its name, not int"),
        (
            "TASKS = {'t.T': {'timeout': '9'}}",
            "TASKS['t.T']['timeout'] = '9' in mrq-config.py should be a number, not str",
        ),
        (
            "TASKS = {'t.T': {'max_retries': True}}",
            "TASKS['t.T']['max_retries'] = True in mrq-config.py should be int, not bool",
        ),
        ("TASKS = {'t.T': {'retries': '3'}}", "TASKS['t.T']['retries'] = '3' in mrq-config.py should be int, not str"),
        ("TASKS = {'t.T': {'timeout': -1}}", "TASKS['t.T']['timeout'] = -1 in mrq-config.py should be 0 or more"),
        (
            "RAW_QUEUES = {'a_raw': {'job_factory': 'x'}}",
            "RAW_QUEUES['a_raw']['job_factory'] = 'x' in mrq-config.py should be a function, not str",
        ),
        (
            "RAW_QUEUES = {'a_raw/b': {}}",
            "RAW_QUEUES['a_raw/b'] = {} in mrq-config.py names a subqueue; write 'a_raw', whose entry holds for all",
        ),
        (
            "QUEUES_CONFIG = {'a_set': {'statuses_no_storage': ('started', 'done')}}",
            "QUEUES_CONFIG['a_set']['statuses_no_storage'] = ('started', 'done') in mrq-config.py has 'done', which is",
        ),
        (
            "RAW_QUEUES = {'a_raw': {'statuses_no_storage': [[]]}}",
            "RAW_QUEUES['a_raw']['statuses_no_storage'] = [[]] in mrq-config.py has [], which is no status",
        ),
        (
            "RAW_QUEUES = {'a_raw': {'retry_queue': 'b_set/x'}}",
            "RAW_QUEUES['a_raw']['retry_queue'] = 'b_set/x' in mrq-config.py is a raw queue, where no job can wait",
        ),
        ("RAW_QUEUES = {'': {}}", "RAW_QUEUES[''] = {} in mrq-config.py has a bad name: a queue's name must be text"),
        ("SCHEDULER_TASKS = ['t.T']", "SCHEDULER_TASKS[0] = 't.T' in mrq-config.py should be dict, not str"),
        ("SCHEDULER_TASKS = [{}]", "SCHEDULER_TASKS[0] = {} in mrq-config.py should have a path (str)"),
        ("LEASE = 5", "LEASE (5 s) should be at least three times heartbeat_interval (3 s)"),
    ],
)
def test_wrong_values_in_the_file(config_file, line, message):
    config_file(line)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load("worker", environ=NO_ENV)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("MRQ_GREENLETS", "ten", "MRQ_GREENLETS='ten' is not a whole number (environment)"),
        ("MRQ_GREENLETS", "1.5", "MRQ_GREENLETS='1.5' is not a whole number (environment)"),
        ("MRQ_MAX_TIME", "1h", "MRQ_MAX_TIME='1h' is not a number (environment)"),
        ("MRQ_GREENLETS", "0", "MRQ_GREENLETS=0 should be 1 or more (environment)"),
        ("MRQ_TASKS", "{}", "MRQ_TASKS can only be set in the config file (environment)"),
        (
            "MRQ_HEARTBEAT_INTERVAL",
            "10",
            "MRQ_LEASE (15 s) should be at least three times heartbeat_interval (10 s)",
        ),
    ],
)
def test_wrong_values_in_the_environment(name, text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load("worker", environ={name: text})


def test_wrong_values_elsewhere():
    with pytest.raises(ConfigError, match=re.escape("--greenlets=0 should be 1 or more (command line)")):
        load("worker", given={"greenlets": 0}, environ=NO_ENV)
    with pytest.raises(ConfigError, match=r"^greenlets='3' should be int, not str$"):
        load("worker", extra={"greenlets": "3"}, environ=NO_ENV)
    with pytest.raises(ConfigError, match=r"^greenlets='3' should be int, not str$"):
        Settings.from_dict({"greenlets": "3"})


def test_a_file_elsewhere_is_named_by_its_path(here, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "conf.py"
    path.write_text("GREENLETS = 0")
    with pytest.raises(ConfigError, match=re.escape(f"GREENLETS = 0 in {path} should be")):
        load(file_path=str(path), environ=NO_ENV)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("MAX_TIME = 5", "max_time", 5.0),
        ("QUIET = 1", "quiet", True),
        ("MONGODB_LOGS = 0", "mongodb_logs", "0"),
        ("MONGODB_LOGS = None", "mongodb_logs", None),
        ("LOG_LEVEL = 'info'", "log_level", "INFO"),
        ("QUEUES = 'a b'", "queues", ["a", "b"]),
        ("QUEUES = ('a', 'b')", "queues", ["a", "b"]),
        ("DEQUEUE_STRATEGY = 'my.module.strategy'", "dequeue_strategy", "my.module.strategy"),
        ("NAME = None", "name", None),
        ("TASKS = {'t.T': {'timeout': None, 'my_own': 1}}", "tasks", {"t.T": {"timeout": None, "my_own": 1}}),
    ],
)
def test_values_that_are_right(config_file, line, key, value):
    config_file(line)
    loaded = load("worker", environ=NO_ENV)
    found = getattr(loaded.settings, key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("GREENLET = 10", "unknown setting GREENLET in mrq-config.py; did you mean GREENLETS?"),
        ("REDIS_PREFX = 'x'", "unknown setting REDIS_PREFX in mrq-config.py; did you mean REDIS_PREFIX?"),
        ("TASK = {}", "unknown setting TASK in mrq-config.py; did you mean TASKS?"),
        (
            "TASKS = {'t.T': {'time_out': 5}}",
            "unknown key 'time_out' in TASKS['t.T'] in mrq-config.py; did you mean 'timeout'?",
        ),
    ],
)
def test_mistyped_names_in_the_file_are_kept_with_a_warning(config_file, line, warning):
    config_file(line)
    loaded = load("worker", environ=NO_ENV)
    assert loaded.warnings == [warning]
    name = line.split(" ", 1)[0].lower()
    assert name in loaded.settings.as_dict()


def test_names_that_are_no_mistakes(config_file):
    config_file("class Task: pass\nimport os as OS\nMY_OWN = 1\nREDIS_2 = 'redis://x'\nMONGODB_OTHER = 'x'")
    environ = {"MRQ_TEST_REDIS": "1", "MRQ_IS_SUBPROCESS": "1", "MRQ_AGENT_ID": "a", "MRQ_WORKER_GROUP": "g"}
    environ |= {
        "MRQ_DEPLOY": "1",
        "MRQ_GUARD_2": "3",
        "MRQ_WEATHER": "1",
        "GREENLET": "1",
        "MRQ_MY_OWN": "2",
    }
    loaded = load("worker", environ=environ)
    assert loaded.warnings == []
    assert loaded.settings.worker_group == "g"


def test_mistyped_environment_variables():
    loaded = load("worker", environ={"MRQ_GREENLET": "5"})
    assert loaded.warnings == ["unknown setting MRQ_GREENLET in the environment; did you mean MRQ_GREENLETS?"]


def test_settings_without_effect_are_named_as_they_were_given(config_file):
    config_file("SCHEDULER_INTERVAL = 60")
    loaded = load(
        "worker", given={"profile": True, "no_import_patch": True}, environ={"MRQ_SUBQUEUES_REFRESH_INTERVAL": "7"}
    )
    assert sorted(loaded.warnings) == [
        "--no_import_patch is accepted, but imports are never patched; it has no effect",
        (
            "MRQ_SUBQUEUES_REFRESH_INTERVAL is accepted, but looking for new subqueues is not there yet in this "
            "version; it has no effect"
        ),
    ]


def test_the_default_given_again_needs_no_warning():
    assert load("worker", given={"scheduler": False, "processes": 0}, environ=NO_ENV).warnings == []


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        (
            "RAW_QUEUES = {'pages': {'job_factory': dict, 'notify': True}}",
            "RAW_QUEUES['pages'] in mrq-config.py is no raw queue, so job_factory there has no effect; end its name in",
        ),
        ("RAW_QUEUES = {'pages': {}}", "RAW_QUEUES['pages'] in mrq-config.py is no raw queue; end its name in _raw,"),
        (
            "QUEUES_CONFIG = {'pages': {'retry_queue': 'q'}}",
            "QUEUES_CONFIG['pages'] in mrq-config.py is no raw queue, so retry_queue there has no effect",
        ),
        (
            "RAW_QUEUES = {'a_set_reverse': {}}",
            "RAW_QUEUES['a_set_reverse'] in mrq-config.py has no effect: write 'a_set'; `_reverse` only says how",
        ),
        (
            "RAW_QUEUES = {'a_sorted_set': {'pushback_seconds': 5}}",
            "RAW_QUEUES['a_sorted_set']['pushback_seconds'] in mrq-config.py has no effect: that is for queues whose",
        ),
    ],
)
def test_entries_of_queues_without_effect(config_file, line, warning):
    config_file(line)
    (found,) = load("worker", environ=NO_ENV).warnings
    assert found.startswith(warning)


@pytest.mark.parametrize(
    "line",
    [
        "RAW_QUEUES = {'a_timed_set': {'pushback_seconds': 5, 'statuses_no_storage': ('started', 'success')}}",
        "RAW_QUEUES = {'pages': {'notify': True}, 'a_raw': {'retry_queue': None, 'statuses_no_storage': None}}",
        "QUEUES_CONFIG = {'pages': {'notify': True, 'max_concurrency': 2}, 'plain': {}}",
    ],
)
def test_entries_of_queues_that_are_right(config_file, line):
    config_file(line)
    assert load("worker", environ=NO_ENV).warnings == []
