"""Section 9: where settings come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import CONFIG, TESTS, finished
from mrq.config import get_config
from mrq.job import queue_job

if TYPE_CHECKING:
    from pathlib import Path

    from compat.kit import CompatWorker, Site

FILE = 'NAME = "of the file"\nMAX_LATENCY = 0.5\nNEVER_HEARD_OF = "1"\nlower = 2\nQUEUES = ["from", "file"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a config file that has another name."""
    (tmp_path / "my-config.py").write_text(FILE)
    return tmp_path


def report_of(site: Site, tmp_path: Path, *flags: str, **variables: str) -> dict[str, Any]:
    """The configuration that `mrq-run` finds."""
    done = site.run("mrq-run", "--quiet", *flags, "compat.tasks.ConfigAsJson", "{}", **variables)
    assert done.returncode == 0, done.stderr
    config: dict[str, Any] = json.loads(json.loads(done.stdout))
    return config


def test_command_line_before_environment_before_file_before_default(site: Site, folder: Path) -> None:
    file = str(folder / "my-config.py")
    config = report_of(site, folder)
    assert config["name"] is None
    assert "never_heard_of" not in config
    config = report_of(site, folder, "--config", file)
    assert (config["name"], config["never_heard_of"]) == ("of the file", "1")
    assert "lower" not in config
    config = report_of(site, folder, "--config", file, MRQ_NAME="of the environment")
    assert config["name"] == "of the environment"
    config = report_of(site, folder, "--config", file, "--name", "of the line", MRQ_NAME="of the environment")
    assert config["name"] == "of the line"


def test_a_flag_wins_even_when_it_equals_the_default(site: Site, folder: Path) -> None:
    assert report_of(site, folder, "--redis_timeout", "30", MRQ_REDIS_TIMEOUT="7")["redis_timeout"] == 30


def test_sources_of_get_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MRQ_NAME", "of the environment")
    monkeypatch.setenv("OTHER_NAME", "of another prefix")
    file = str(folder / "my-config.py")
    assert get_config(file_path=file)["name"] == "of the environment"
    assert get_config(sources=("env", "file"), file_path=file)["name"] == "of the file"  # the later one wins
    assert get_config(sources=("file",), file_path=file)["name"] == "of the file"
    assert get_config(sources=(), file_path=file)["name"] is None
    assert get_config(sources=("env",), env_prefix="OTHER_")["name"] == "of another prefix"
    assert get_config(sources=(), extra={"name": "given", "mine": 1})["mine"] == 1
    assert get_config(sources=(), config_type="worker")["max_jobs"] == 0


def test_mrq_config_py_of_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mrq-config.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    assert get_config()["name"] == "of the file"


def test_environment_variables_are_cast_and_empty_ones_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRQ_MAX_LATENCY", "2.5")
    monkeypatch.setenv("MRQ_GREENLETS", "7")
    monkeypatch.setenv("MRQ_QUEUES", "one  two")
    monkeypatch.setenv("MRQ_NAME", "")
    monkeypatch.setenv("MRQ_NEVER_HEARD_OF", "of the environment")
    monkeypatch.setenv("MRQ_UNKNOWN_TO_ALL", "x")
    config = get_config(file_path=str(folder / "my-config.py"), config_type="worker")
    assert (config["max_latency"], config["greenlets"], config["queues"]) == (2.5, 7, ["one", "two"])
    assert config["name"] == "of the file"
    assert config["never_heard_of"] == "of the environment"  # the file has that key
    assert "unknown_to_all" not in config


def test_tables_and_hooks_are_the_files_own_objects(client: dict[str, Any]) -> None:
    counted = client["counted"]
    client["metric_hook"]("from the hook", incr=2)
    assert counted["from the hook"] == 2
    assert client["a_key_of_my_own"] == "kept as it is"


def test_a_task_can_return_its_configuration(site: Site, worker: CompatWorker, queue: str) -> None:
    """As JSON, and as a document of MongoDB."""
    text = finished(queue_job("compat.tasks.ConfigAsJson", {}, queue=queue))["result"]
    assert json.loads(text)["mongodb_jobs"] == site.mongodb_url
    document = finished(queue_job("compat.tasks.WholeConfig", {}, queue=queue))
    assert document["status"] == "success", document.get("traceback")
    assert document["result"]["redis_prefix"] == site.prefix


def test_the_configured_tasks_reach_the_worker(worker: CompatWorker, queue: str) -> None:
    text = finished(queue_job("compat.tasks.ConfigAsJson", {}, queue=queue))["result"]
    assert json.loads(text)["tasks"]["compat.tasks.Configured"]["timeout"] == 900


def test_log_handlers_replace_the_log_handler(site: Site, own: str, tmp_path: Path) -> None:
    log = tmp_path / "mine.log"
    config = tmp_path / "config.py"
    handlers = {"logging.FileHandler": {"filename": str(log), "level": "INFO", "format": "mine %(message)s"}}
    config.write_text((TESTS / CONFIG).read_text() + f"\nLOG_HANDLERS = {handlers!r}\n")
    text = f"text {own}"
    with site.worker(own, config=str(config)) as worker:
        job_id = queue_job("compat.tasks.Say", {"text": text}, queue=own)
        finished(job_id)
        worker.stop()
    lines = log.read_text()
    assert f"mine {text}" in lines
    assert "a level below" not in lines
    assert site.database.mrq_logs.count_documents({"job": job_id}) == 0
