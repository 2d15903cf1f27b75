"""The config file: what is taken from it, and that its objects are not copied."""

from __future__ import annotations

import sys

import pytest

from mrq.config import get_config
from mrq.exceptions import ConfigError
from mrq.settings import Settings, load

NO_ENV: dict[str, str] = {}


def test_names_with_a_capital_are_taken_and_unknown_ones_kept(config_file):
    config_file("import os\nMETRICS = []\nRedis_second = 'redis://x'\nlower = 1\n_PRIVATE = 2\nGREENLETS = 4")
    settings = load("worker", environ=NO_ENV).settings
    assert settings.greenlets == 4
    assert dict(settings.extra) == {"metrics": [], "redis_second": "redis://x"}


def test_objects_are_those_of_the_file(config_file):
    config_file(
        "METRICS = []\n"
        "def METRIC_HOOK(name, **kw): METRICS.append(name)\n"
        "TASKS = {'t.T': {'queue': 'q'}}\nRAW_QUEUES = {'a_raw': {'job_factory': lambda raw: {}}}\n"
        "SCHEDULER_TASKS = [{'path': 't.T', 'interval': 5}]\nQUEUES = ['one']\nMONGODB_JOBS = object()\n"
    )
    config, again = get_config(), get_config()
    module = sys.modules["mrq-config"]
    for name in (
        "METRICS",
        "METRIC_HOOK",
        "TASKS",
        "RAW_QUEUES",
        "SCHEDULER_TASKS",
        "QUEUES",
        "MONGODB_JOBS",
    ):
        assert config[name.lower()] is vars(module)[name]
        assert again[name.lower()] is config[name.lower()]
    config["metric_hook"]("seen")
    assert again["metrics"] == ["seen"]
    assert again is not config
    assert Settings.from_dict(config).tasks is config["tasks"]


def test_a_task_that_imports_the_file_shares_its_objects(config_file):
    config_file("EVENTS = []", "shared_config.py")
    config = get_config(file_path="shared_config.py")
    __import__("shared_config")
    assert sys.modules["shared_config"].EVENTS is config["events"]


def test_a_changed_file_is_run_again(config_file):
    path = config_file("NAME = 'old'")
    assert get_config()["name"] == "old"
    path.write_text("NAME = 'newer'")
    assert get_config()["name"] == "newer"


def test_a_file_named_like_another_module_does_not_replace_it(config_file):
    json = __import__("json")
    config_file("NAME = 'mine'", "json.py")
    assert get_config(file_path="json.py")["name"] == "mine"
    assert sys.modules["json"] is json


def test_two_files_of_the_same_name(config_file, here):
    (here / "sub").mkdir()
    config_file("NAME = 'one'", "conf.py")
    config_file("NAME = 'two'", "sub/conf.py")
    assert [get_config(file_path=name)["name"] for name in ("conf.py", "sub/conf.py", "conf.py")] == [
        "one",
        "two",
        "one",
    ]


def test_the_file_can_import_its_neighbours_and_leaves_the_path_as_it_was(config_file, here):
    (here / "sub").mkdir()
    config_file("VALUE = 'near'", "sub/neighbour.py")
    config_file("from neighbour import VALUE as NAME", "sub/conf.py")
    load(environ=NO_ENV)
    before = list(sys.path)
    assert get_config(file_path="sub/conf.py")["name"] == "near"
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "NAME = 'x'\n\nNAME = 1 / 0",
            "the config file failed: mrq-config.py, line 3: ZeroDivisionError: division by zero",
        ),
        (
            "def f():\n    raise ValueError('redis://u:secret@h')\nf()",
            r"line 2: ValueError: redis://u:\*\*\*@h",
        ),
        ("NAME = 'x'\nif:\n", "mrq-config.py, line 2: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit('stop')", "mrq-config.py, line 2: SystemExit: stop"),
        ("import no_such_module_here", "line 1: ModuleNotFoundError: No module named 'no_such_module_here'"),
    ],
)
def test_a_file_that_fails_says_where(config_file, text, message):
    config_file(text)
    with pytest.raises(ConfigError, match=message) as raised:
        load(environ=NO_ENV)
    assert "secret" not in str(raised.value)
    assert "mrq-config" not in sys.modules


@pytest.mark.parametrize(
    ("kwargs", "named_by"),
    [
        ({"given": {"config": "gone.py"}}, "--config"),
        ({"environ": {"MRQ_CONFIG": "gone.py"}}, "MRQ_CONFIG"),
        ({"file_path": "gone.py"}, "file_path"),
        ({"file_path": "."}, "file_path"),
    ],
)
def test_a_named_file_has_to_be_there(kwargs, named_by):
    with pytest.raises(ConfigError, match=rf"the config file .* \({named_by}\) does not exist"):
        load(**{"environ": NO_ENV, **kwargs})


def test_round_trip_through_the_dict(config_file):
    config_file("OWN = 1\nTASKS = {'t.T': {}}\nGREENLETS = 3")
    settings = load("worker", environ=NO_ENV).settings
    assert Settings.from_dict(settings.as_dict()) == settings
    assert settings.as_dict() is not settings.as_dict()
    assert settings.as_dict()["own"] == 1
