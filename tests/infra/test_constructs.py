"""Each construct in a stack of somebody else, with nothing of MRQ's but the network and the secrets of servers that are
there: what it makes, and that cdk-nag and cfn-lint find nothing in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.templates import CDK, Resources

if TYPE_CHECKING:
    from collections.abc import Callable

    import aws_cdk

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}-AbCdEf"
REDUNDANT = "W3005"


class Theirs:
    """The surroundings of a construct: a stack of its own, and beside it what its user has."""

    def __init__(self, app: aws_cdk.App, name: str) -> None:
        import aws_cdk as cdk
        from aws_cdk import aws_sqs as sqs

        from mrq_cdk.constructs import Bundles, DataProps, MrqData, MrqNetwork, NetworkProps, Surroundings
        from mrq_cdk.reasons import acknowledge

        self.stack = cdk.Stack(app, name)
        self.network = MrqNetwork(self.stack, "Network", NetworkProps(nat_gateways=1))
        there = DataProps(mongodb_secret=SECRET.format("atlas"), redis_secret=SECRET.format("redis"))
        data = MrqData(self.stack, "Servers", there, network=self.network)
        self.around = Surroundings(self.network, data, Bundles(CDK / "project"))
        self.letters = sqs.Queue(self.stack, "Theirs", enforce_ssl=True)
        acknowledge(self.letters, "Theirs.", "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")


def network(_: Theirs) -> None:
    """It is there already."""


def rotation(theirs: Theirs) -> None:
    """cdk-nag wants one for each password."""
    from mrq_cdk.constructs import MrqData, MrqRotation

    made = MrqData(theirs.stack, "Data", network=theirs.network)
    assert made.documentdb is not None
    assert made.cache is not None
    MrqRotation(theirs.stack, "It", store=made.documentdb, days=30, around=theirs.around)
    MrqRotation(theirs.stack, "Other", store=made.cache, days=30, around=theirs.around)


def workers(theirs: Theirs) -> None:
    from aws_cdk import aws_ecs as ecs

    from mrq_cdk.constructs import GroupProps, Images, MrqWorkers, WorkersProps

    cluster = ecs.Cluster(
        theirs.stack, "Cluster", vpc=theirs.network.vpc, enable_fargate_capacity_providers=True,
        container_insights_v2=ecs.ContainerInsights.ENABLED,
    )  # fmt: skip
    group = GroupProps("web", ("web",), workers=WorkersProps(spot_share=0.5))
    MrqWorkers(theirs.stack, "It", group=group, cluster=cluster, images=Images(CDK / "project"), around=theirs.around)


def burst(theirs: Theirs) -> None:
    from mrq_cdk.constructs import BurstProps, GroupProps, MrqBurst

    MrqBurst(theirs.stack, "It", group=GroupProps("web", ("web",), burst=BurstProps(most=5)), around=theirs.around)


def dispatcher(theirs: Theirs) -> None:
    from mrq_cdk.constructs import MrqDispatcher

    MrqDispatcher(theirs.stack, "It", around=theirs.around).serve({})


def scheduler(theirs: Theirs) -> None:
    from mrq_cdk.constructs import MrqScheduler

    MrqScheduler(theirs.stack, "It", around=theirs.around, to_the_second=True)


def dashboard(theirs: Theirs) -> None:
    from mrq_cdk.constructs import MrqDashboard

    MrqDashboard(theirs.stack, "It", around=theirs.around)


def observability(theirs: Theirs) -> None:
    from mrq_cdk.constructs import MrqObservability

    MrqObservability(theirs.stack, "It", groups=["web"], functions={}, services={}, letters=theirs.letters)


CONSTRUCTS: dict[Callable[[Theirs], None], dict[str, int]] = {
    # each, and how many it makes of what
    network: {"EC2::VPC": 1, "EC2::NatGateway": 1},
    rotation: {"DocDB::DBCluster": 1, "ElastiCache::ServerlessCache": 1, "SecretsManager::Secret": 2,
               "SecretsManager::RotationSchedule": 2, "Lambda::Function": 2},
    workers: {"ECS::Cluster": 1, "ECS::Service": 1, "ECS::TaskDefinition": 1},
    burst: {"Lambda::Function": 1, "Lambda::EventInvokeConfig": 1, "SQS::Queue": 1},
    dispatcher: {"Lambda::Function": 1, "Lambda::EventInvokeConfig": 1, "Scheduler::Schedule": 1, "SQS::Queue": 1},
    scheduler: {"Lambda::Function": 1, "Lambda::EventInvokeConfig": 1, "Scheduler::Schedule": 1,
                "Scheduler::ScheduleGroup": 1, "SQS::Queue": 1},
    dashboard: {"Lambda::Function": 1, "ApiGatewayV2::Api": 1, "SecretsManager::Secret": 2},
    observability: {"CloudWatch::Dashboard": 1, "SNS::Topic": 1, "CloudWatch::Alarm": 5},
}  # fmt: skip
AROUND = {"EC2::VPC": 1, "EC2::NatGateway": 1, "SQS::Queue": 1}
"""Of these each of their stacks has so many."""
COUNTED = sorted({kind for made in CONSTRUCTS.values() for kind in made})
NAMES = [make.__name__ for make in CONSTRUCTS]


def synthesize(out: Path) -> None:
    """A stack for each construct, looked at by cdk-nag. Raises RuntimeError for what it finds."""
    import aws_cdk as cdk
    from cdk_nag import AwsSolutionsChecks, ServerlessChecks

    flags = json.loads((CDK / "cdk.json").read_text())["context"]
    app = cdk.App(context={**flags, "aws:cdk:bundling-stacks": []}, outdir=str(out), analytics_reporting=False)
    for make in CONSTRUCTS:
        make(Theirs(app, make.__name__))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    app.synth()


@pytest.fixture(scope="session")
def templates(once: Callable[[str, Callable[[Path], object]], Path]) -> dict[str, Path]:
    """By the construct's name. What cdk-nag finds in one fails all."""
    out = once("constructs", synthesize)
    return {name: out / f"{name}.template.json" for name in NAMES}


@pytest.mark.parametrize("make", CONSTRUCTS, ids=NAMES)
def test_it_makes_what_it_is_for_and_no_more(make: Callable[[Theirs], None], templates: dict[str, Path]) -> None:
    found = Resources(json.loads(templates[make.__name__].read_text())["Resources"])
    wanted = CONSTRUCTS[make]
    if make is not network:
        wanted = {kind: AROUND.get(kind, 0) + wanted.get(kind, 0) for kind in {*AROUND, *wanted}}
    counts = {kind: len(found.of(kind)) for kind in COUNTED}
    assert {kind: count for kind, count in counts.items() if count} == {"SQS::Queue": 1, **wanted}


def test_cfn_lint_finds_nothing_in_any(templates: dict[str, Path]) -> None:
    """But for dependencies that references imply as well: the CDK states them."""
    lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(lint), "--ignore-checks", REDUNDANT, "--", *map(str, templates.values())]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_without_a_dispatcher_nothing_is_woken(templates: dict[str, Path]) -> None:
    """`wakes` is an option: without it there is neither a variable nor a right."""
    for name in ("workers", "burst", "scheduler", "dashboard"):
        text = templates[name].read_text()
        assert "MRQ_WAKE_UP" not in text, name
        assert "lambda:GetAccountSettings" not in text, name


def test_they_work_together_in_one_stack() -> None:
    """A burst that wakes a dispatcher which starts it."""
    import aws_cdk as cdk

    from mrq_cdk.constructs import (
        Bundles,
        BurstProps,
        DataProps,
        GroupProps,
        MrqBurst,
        MrqData,
        MrqDispatcher,
        MrqNetwork,
        Surroundings,
    )

    app = cdk.App(context={"aws:cdk:bundling-stacks": []})
    stack = cdk.Stack(app, "theirs")
    network = MrqNetwork(stack, "Network")
    data = MrqData(stack, "Data", DataProps(), network=network)
    around = Surroundings(network, data, Bundles(CDK / "project"))
    group = GroupProps("mail", ("mail",), burst=BurstProps(most=5))
    dispatcher = MrqDispatcher(stack, "Dispatcher", around=around)
    burst = MrqBurst(stack, "Burst", group=group, around=around, wakes=dispatcher.function)
    document = group.document("", "", burst.function.function_name)
    dispatcher.serve({"mail": document}, bursts=[burst.function])
    template: dict[str, Any] = app.synth().get_stack_by_name("theirs").template
    kinds = [each["Type"] for each in template["Resources"].values()]
    assert kinds.count("AWS::Lambda::Function") == 2
    assert kinds.count("AWS::SQS::Queue") == 2
