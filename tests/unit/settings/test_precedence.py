"""Command line over environment over file over default."""

from __future__ import annotations

import argparse
import sys
from itertools import product

import pytest

from mrq.config import add_parser_args, get_config
from mrq.exceptions import ConfigError
from mrq.settings import load, options_for

EMPTY: dict[str, str] = {}


@pytest.mark.parametrize(("in_file", "in_env", "in_args"), list(product([False, True], repeat=3)))
def test_the_strongest_source_wins(config_file, in_file, in_env, in_args):
    if in_file:
        config_file("MAX_JOBS = 1")
    environ = {"MRQ_MAX_JOBS": "2"} if in_env else EMPTY
    given = {"max_jobs": 3} if in_args else {}
    expected = 3 if in_args else 2 if in_env else 1 if in_file else 0
    assert load("worker", given=given, environ=environ).settings.max_jobs == expected


def test_a_flag_that_repeats_the_default_wins(config_file):
    config_file("MAX_JOBS = 1")
    loaded = load("worker", given={"max_jobs": 0}, environ={"MRQ_MAX_JOBS": "2"})
    assert loaded.settings.max_jobs == 0


@pytest.mark.parametrize(
    ("sources", "expected"),
    [(("file", "env"), 2), (("env", "file"), 1), (("file",), 1), (("env",), 2), ((), 0)],
)
def test_get_config_follows_the_order_of_its_sources(config_file, monkeypatch, sources, expected):
    config_file("MAX_JOBS = 1")
    monkeypatch.setenv("MRQ_MAX_JOBS", "2")
    assert get_config(sources=sources)["max_jobs"] == expected


def test_get_config_takes_extra_prefix_and_file(config_file, monkeypatch):
    path = config_file("NAME = 'file'\nOWN = 1", "other.py")
    monkeypatch.setenv("APP_MAX_JOBS", "7")
    config = get_config(file_path=str(path), env_prefix="APP_", extra={"name": "extra", "mine": 5})
    assert (config["name"], config["max_jobs"], config["own"], config["mine"]) == ("extra", 7, 1, 5)


def test_sources_may_be_one_word(config_file, monkeypatch):
    config_file("MAX_JOBS = 1")
    monkeypatch.setenv("MRQ_MAX_JOBS", "2")
    assert get_config(sources="env")["max_jobs"] == 2
    assert get_config(sources=("file"))["max_jobs"] == 1


def test_arguments_are_read_when_they_are_among_the_sources(config_file, monkeypatch):
    config_file("MAX_JOBS = 1\nQUIET = True")
    words = ["x", "high", "low", "--max_jobs", "0", "-g", "7", "--no_guard", "--unknown", "1"]
    monkeypatch.setattr(sys, "argv", words)
    config = get_config(sources=("file", "env", "args"), config_type="worker")
    assert (config["queues"], config["max_jobs"], config["greenlets"]) == (["high", "low"], 0, 7)
    assert (config["guard"], config["quiet"]) == (False, True)
    assert get_config(config_type="worker")["greenlets"] == 1


def test_a_config_file_can_be_named_among_the_arguments(config_file, monkeypatch):
    config_file("NAME = 'other'", "other_config.py")
    monkeypatch.setattr(sys, "argv", ["x", "--config", "other_config.py"])
    assert get_config(sources=("file", "env", "args"))["name"] == "other"


@pytest.mark.parametrize("kind", [None, "worker", "run", "agent", "dashboard"])
def test_flags_are_added_to_a_parser(kind):
    parser = argparse.ArgumentParser()
    parser.add_argument("-g", "--redis", default="mine")
    add_parser_args(parser, kind)
    words = ["tasks.Add", "a", "1"] if kind == "run" else []
    found = vars(parser.parse_args([*words, "--name", "me", "--quiet", "--redis_timeout", "3"]))
    assert (found["name"], found["quiet"], found["redis_timeout"], found["redis"]) == ("me", True, 3.0, "mine")
    assert parser.format_help()
    for about in options_for(kind or "client"):
        if about.key not in ("name", "quiet", "redis_timeout", "redis"):
            assert found[about.key] == about.default_for(kind or "client")
    if kind == "run":
        assert (found["taskpath"], found["taskargs"]) == ("tasks.Add", ["a", "1"])


def test_an_unknown_source_is_an_error():
    with pytest.raises(ConfigError, match="unknown source of settings 'flie'"):
        get_config(sources=("flie",))


def test_a_parser_gives_defaults_and_with_args_values(config_file, monkeypatch):
    config_file("MAX_JOBS = 1")
    parser = argparse.ArgumentParser()
    parser.add_argument("--max_jobs", type=int)
    parser.add_argument("--own", default="x")
    monkeypatch.setattr(sys, "argv", ["script", "--max_jobs", "9", "--unknown"])
    assert get_config(parser=parser)["max_jobs"] == 1
    assert get_config(parser=parser)["own"] == "x"
    assert get_config(parser=parser, sources=("file", "env", "args"))["max_jobs"] == 9


def test_the_environment_counts_for_known_keys_and_those_of_the_file(config_file):
    config_file("OWN = 'file'")
    environ = {"MRQ_OWN": "env", "MRQ_STRANGER": "x"}
    assert load(environ=environ).settings.extra == {"own": "env"}
    assert load(environ=environ, sources=("env", "file")).settings.extra == {"own": "file"}


def test_empty_environment_variables_are_ignored(config_file):
    config_file("MAX_JOBS = 1\nQUEUES = ['a']")
    settings = load("worker", environ={"MRQ_MAX_JOBS": "", "MRQ_QUEUES": "  "}).settings
    assert (settings.max_jobs, settings.queues) == (1, ["a"])


def test_queues_from_the_environment_are_split_on_whitespace():
    assert load("worker", environ={"MRQ_QUEUES": " high \t low\nother/ "}).settings.queues == [
        "high",
        "low",
        "other/",
    ]


@pytest.mark.parametrize("text", ["0", "false", "False", "no", "NO", "off", " off "])
def test_words_that_are_false(text):
    settings = load("worker", environ={"MRQ_QUIET": text, "MRQ_GUARD": text}).settings
    assert (settings.quiet, settings.guard) == (False, False)


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "anything"])
def test_words_that_are_true(text):
    assert load(environ={"MRQ_QUIET": text}).settings.quiet is True


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        ({"config": "a.py"}, {"MRQ_CONFIG": "b.py"}, "a"),
        ({}, {"MRQ_CONFIG": "b.py"}, "b"),
        ({}, {}, "default"),
    ],
)
def test_which_config_file_is_read(config_file, given, environ, expected):
    config_file("NAME = 'default'")
    config_file("NAME = 'a'", "a.py")
    config_file("NAME = 'b'", "b.py")
    assert load(given=given, environ=environ).settings.name == expected


def test_one_default_differs_for_the_agent_and_one_hangs_on_the_password():
    assert load("worker", environ=EMPTY).settings.worker_group == ""
    assert load("agent", environ=EMPTY).settings.worker_group == "default"
    open_to_all = load("dashboard", given={"dashboard_httpauth": "a:b"}, environ=EMPTY)
    assert open_to_all.settings.dashboard_ip == "0.0.0.0"
    stays = load("dashboard", given={"dashboard_httpauth": "a:b", "dashboard_ip": "127.0.0.1"}, environ=EMPTY)
    assert stays.settings.dashboard_ip == "127.0.0.1"
    assert load("dashboard", environ=EMPTY).settings.dashboard_ip == "127.0.0.1"


def test_the_current_directory_comes_first_on_the_path(here):
    load(environ=EMPTY)
    load(environ=EMPTY)
    assert sys.path[0] == str(here)
    assert sys.path.count(str(here)) == 1
