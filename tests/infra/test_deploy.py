"""The CDK's own command line deploys the whole system, and what is deployed then works: its bundles are run as they are
in the real Lambda runtime, on the real MongoDB and Valkey. AWS is moto, with what it lacks in `support.motocfn`."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from mrq_cdk.sizes import SIZES
from support.deployment import AWS, CDK, REQUIRED, Deployment, command_line
from support.motocfn import KEPT
from support.rediscluster import write_certificate
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mrq.app import App
    from support.dockerstub import DockerStub

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # moto's, in a thread of its server
]

# As moto wants it: its change sets give no outputs, and it finds no earlier values of parameters.
DEPLOY = ("deploy", "--method=direct", "--no-previous-parameters", "--require-approval=never")
DIFF = ("diff", "--fail", "--no-change-set")
NO_CHANGE = "Number of stacks with differences: 0"
TASK = "tasks.greet"
SCHEDULED = "\nSCHEDULER_TASKS = [{'path': 'tasks.greet', 'params': {'name': 'by the schedule'}, 'interval': 3600}]\n"
CONFIG: dict[str, Any] = {
    "size": "dev",
    "groups": [
        {
            "name": "main", "queues": ["default"], "target": {"backlog_per_worker": 1}, "sizing": {"start_up": 1},
            "burst": {"most": 2, "reserved": False, "concurrency": 2, "architecture": "x86"},
        }
    ],
    "dashboard": {"function": {"architecture": "x86", "memory_mb": 1024, "timeout": 29}},
}  # fmt: skip


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """Nothing is deployed yet."""
    with Deployment(tmp_path) as entered:
        entered.functions.plug(monkeypatch)
        yield entered


def write_config(folder: Path, **more: Any) -> str:
    """A project of a user's, and what is to be deployed."""
    project = folder / "project"
    if not project.exists():
        shutil.copytree(CDK / "project", project, ignore=shutil.ignore_patterns("__pycache__"))
        with (project / "mrq-config.py").open("a") as config:
            config.write(SCHEDULED)
    authority, _ = write_certificate(folder)
    file = folder / "mrq.json"
    file.write_text(json.dumps({**CONFIG, "project": "project", "ca_bundle": authority.name, **more}))
    return f"config={file}"


def schedules() -> dict[str, dict[str, Any]]:
    """What EventBridge Scheduler invokes each minute: target by a word of its name."""
    found = {}
    for each in AWS["scheduler"].list_schedules()["Schedules"]:
        schedule = AWS["scheduler"].get_schedule(Name=each["Name"])
        assert schedule["ScheduleExpression"] == "rate(1 minute)"
        found["dispatcher" if "Dispatcher" in each["Name"] else "tick"] = schedule["Target"]
    return found


def strike(target: dict[str, Any]) -> Any:
    """Do what EventBridge Scheduler does at its time."""
    answer = AWS["lambda"].invoke(FunctionName=target["Arn"], Payload=target["Input"])
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def function_named(part: str) -> str:
    """The name of a deployed function."""
    names = [each["FunctionName"] for each in AWS["lambda"].list_functions()["Functions"]]
    return next(name for name in names if part in name)


def test_all_of_it_is_deployed_and_works(
    app: App, deployment: Deployment, synthesized: Callable[[str], Path], tmp_path: Path
) -> None:
    new = str(synthesized("dev").parent)  # with servers of its own, and without code
    deployment.cdk("bootstrap", "aws://123456789012/eu-west-1", app=new)
    said = deployment.cdk(*DEPLOY, app=new)
    assert "DashboardUrl" in said
    assert_everything_is_there()
    assert NO_CHANGE in deployment.cdk(*DIFF, app=new)

    # an update: with code, and on servers that are there already, which are named by secrets
    data = {name: keep_secret(name, value) for name, value in addresses(app).items()}
    deployment.cdk(*DEPLOY, "-c", write_config(tmp_path, data=data))
    assert NO_CHANGE in deployment.cdk(*DIFF, app=str(tmp_path / "cdk.out"))
    assert KEPT["AWS::ElastiCache::ServerlessCache"] == {}
    assert_a_job_ends_in_success(app, deployment)
    assert_the_schedule_queues(app, deployment)
    assert_the_dashboard_answers()


@pytest.mark.parametrize("size", ["standard", "large"])
def test_containers_are_deployed_too(size: str, deployment: Deployment, synthesized: Callable[[str], Path]) -> None:
    """The sizes with an image. Docker is a stub: what it would build and push is told from what it was asked."""
    assembly = str(synthesized(size).parent)
    deployment.cdk("bootstrap", "aws://123456789012/eu-west-1", app=assembly)
    deployment.cdk(*DEPLOY, app=assembly)
    assert NO_CHANGE in deployment.cdk(*DIFF, app=assembly)
    (cluster,) = AWS["ecs"].list_clusters()["clusterArns"]
    (service,) = AWS["ecs"].list_services(cluster=cluster)["serviceArns"]
    event = json.loads(schedules()["dispatcher"]["Input"])
    assert event["groups"]["main"]["ecs"]["service"] == service.rsplit("/", 1)[-1]
    assert len(KEPT["AWS::DocDB::DBInstance"]) == SIZES[size]["data"]["instances"]
    assert_the_image_is_that_of_the_task(deployment.docker)


def test_where_it_is_required_a_missing_command_line_is_no_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="there is no npm"):
        command_line()
    monkeypatch.delenv(REQUIRED)
    with pytest.raises(pytest.skip.Exception):
        command_line()


def addresses(app: App) -> dict[str, str]:
    return {"mongodb_secret": app.config["mongodb_jobs"], "redis_secret": app.config["redis"]}


def keep_secret(name: str, value: str) -> str:
    arn: str = AWS["secretsmanager"].create_secret(Name=name, SecretString=value)["ARN"]
    return arn


def assert_everything_is_there() -> None:
    """What was deployed can be asked for as it is on AWS."""
    assert KEPT["AWS::DocDB::DBCluster"]["mrq-data"]["StorageEncrypted"] is True
    assert set(KEPT["AWS::ElastiCache::ServerlessCache"]) == {"mrq-cache"}
    burst = AWS["lambda"].get_function_configuration(FunctionName=function_named("MainBurst"))
    assert "@mrq-data.cluster-" in burst["Environment"]["Variables"]["MRQ_MONGODB_JOBS"]
    (api,) = AWS["apigatewayv2"].get_apis()["Items"]
    (integration,) = AWS["apigatewayv2"].get_integrations(ApiId=api["ApiId"])["Items"]
    dashboard = AWS["lambda"].get_function_configuration(FunctionName=function_named("Dashboard"))
    assert integration["IntegrationUri"] == dashboard["FunctionArn"]
    assert {"tick", "dispatcher"} == set(schedules())
    assert len(AWS["cloudwatch"].describe_alarms()["MetricAlarms"]) > 10


def assert_the_image_is_that_of_the_task(docker: DockerStub) -> None:
    """It was built, for ARM, from a folder with the project, and pushed under the name that the task definition has."""
    ((built, folder),) = docker.built().items()
    assert (folder / "project" / "mrq-config.py").is_file()
    (build,) = [call for call in docker.calls if call[0] == "build"]
    assert build[build.index("--platform") + 1] == "linux/arm64"
    (task,) = AWS["ecs"].list_task_definitions()["taskDefinitionArns"]
    (container,) = AWS["ecs"].describe_task_definition(taskDefinition=task)["taskDefinition"]["containerDefinitions"]
    (pushed,) = docker.pushed()
    assert ["tag", built, pushed] in docker.calls
    assert pushed == container["image"]


def assert_a_job_ends_in_success(app: App, deployment: Deployment) -> None:
    """A producer queues; the dispatcher, at its time, starts bursts by itself; they run the user's task."""
    (job,) = app.enqueuer.enqueue(TASK, [{"name": "you"}], "default")
    told = strike(schedules()["dispatcher"])
    assert (told["failed"], told["groups"]["main"]["bursts"]) == ({}, 1)
    done = wait_until(lambda: ended(app, job), 60, what="the burst has run the job")
    assert (done["status"], done["result"]) == ("success", "Hello you")
    assert deployment.functions.invoked == [function_named("Dispatcher"), function_named("MainBurst")]


def assert_the_schedule_queues(app: App, deployment: Deployment) -> None:
    """The tick finds what the config has due and wakes the dispatcher; that, or its next round, starts a burst."""
    deployment.functions.invoked.clear()
    assert strike(schedules()["tick"])["queued"] == 1
    wait_until(lambda: function_named("Dispatcher") in deployment.functions.invoked, what="the dispatcher is woken")

    def has_run() -> bool:
        strike(schedules()["dispatcher"])
        return "Hello by the schedule" in results(app)

    wait_until(has_run, 60, interval=1, what="the job of the schedule has run")


def assert_the_dashboard_answers() -> None:
    """An event of the HTTP API gives the page, and what is behind the login only with it."""
    dashboard = function_named("Dashboard")
    assert request(dashboard, "/health") == (200, {"ok": True})
    assert request(dashboard, "/ready")[1] == {"ok": True, "mongodb": True, "redis": True}
    assert request(dashboard, "/api/v1/jobs")[0] == 401
    login = AWS["secretsmanager"].get_secret_value(SecretId=output("DashboardLogin"))["SecretString"]
    known = b64encode(f"admin:{json.loads(login)['password']}".encode()).decode()
    status, jobs = request(dashboard, "/api/v1/jobs", authorization=f"Basic {known}")
    assert status == 200
    assert {job["task"] for job in jobs["jobs"]} == {TASK}


def output(name: str) -> str:
    """What the stack says at the end of its deployment."""
    (stack,) = AWS["cloudformation"].describe_stacks(StackName="mrq")["Stacks"]
    return next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == name)


def request(function: str, path: str, **headers: str) -> tuple[int, Any]:
    event = {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "isBase64Encoded": False,
        "headers": {"host": "example.execute-api.eu-west-1.amazonaws.com", "x-forwarded-proto": "https", **headers},
        "requestContext": {
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default", "domainName": "example.execute-api.eu-west-1.amazonaws.com",
        },
    }  # fmt: skip
    answer = AWS["lambda"].invoke(FunctionName=function, Payload=json.dumps(event))
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload["statusCode"], json.loads(payload["body"])


def ended(app: App, job: Any) -> dict[str, Any] | None:
    record = app.jobs.fetch(job)
    return dict(record.document) if record and record.document and record.status.value == "success" else None


def results(app: App) -> set[Any]:
    return {document.get("result") for document in app._database.mrq_jobs.find()}  # type: ignore[attr-defined]
