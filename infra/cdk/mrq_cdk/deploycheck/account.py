"""The account: who we are there, and whether it has room for what is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from mrq_cdk.deploycheck.findings import Finding, doubtful, fine, missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq_cdk.deploycheck.needs import Needs

BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
OLDEST_BOOTSTRAP = 21
LEFT_UNRESERVED = 100
"""Of the account's concurrency, that Lambda doesn't let anybody reserve."""

QUOTAS = "https://console.aws.amazon.com/servicequotas"
VPCS, ADDRESSES = ("vpc", "L-F678F1CE"), ("ec2", "L-0263D0A3")
ON_DEMAND, SPOT = ("fargate", "L-3032A538"), ("fargate", "L-36FBB829")


def region(session: Any) -> Finding:
    """Where it would be deployed."""
    if not session.region_name:
        return missing("no region is set", "set AWS_REGION, or region in the profile of ~/.aws/config")
    return fine(f"the region is {session.region_name}")


def identity(clients: Callable[[str], Any]) -> Finding:
    """Whether there are credentials that AWS takes."""
    try:
        found = clients("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        return missing(f"AWS doesn't know us: {error}", "log in, such as by aws sso login, or set AWS_PROFILE")
    return fine(f"we are {found['Arn']} in account {found['Account']}")


def bootstrap(clients: Callable[[str], Any]) -> Finding:
    """Whether the CDK has its bucket and roles there."""
    how = "cdk bootstrap"
    try:
        found = clients("ssm").get_parameter(Name=BOOTSTRAP)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return missing("this account and region were never bootstrapped for the CDK", how)
        return _unknown("whether the CDK was bootstrapped", error)
    version = int(found["Parameter"]["Value"])
    if version < OLDEST_BOOTSTRAP:
        return missing(f"the CDK's bootstrap stack is of version {version}, {OLDEST_BOOTSTRAP} is needed", how)
    return fine(f"the CDK's bootstrap stack is of version {version}")


def concurrency(clients: Callable[[str], Any], needs: Needs) -> Finding:
    """Whether so many bursts can run at once, and be reserved. Another five functions run once a minute or so."""
    try:
        limits = clients("lambda").get_account_settings()["AccountLimit"]
    except ClientError as error:
        return _unknown("the concurrency of Lambda", error)
    whole, free = int(limits["ConcurrentExecutions"]), int(limits["UnreservedConcurrentExecutions"])
    how = f"ask for more at {QUOTAS} (Lambda, concurrent executions), or set most of the bursts lower"
    room = free - LEFT_UNRESERVED
    if needs.reserved > max(0, room):
        text = f"{needs.reserved} bursts are to be reserved, and {max(0, room)} can be"
        return missing(text, f"{how}, or reserved to false")
    if needs.bursts > free:
        return doubtful(
            f"up to {needs.bursts} bursts at once are configured, and the account has {free} of {whole}", how
        )
    return fine(f"Lambda runs {whole} at once in this account, {free} of them unreserved")


def network(clients: Callable[[str], Any], needs: Needs) -> list[Finding]:
    """Whether there is room for one more VPC, and for addresses of NAT gateways."""
    ec2 = clients("ec2")
    try:
        vpcs, addresses = len(ec2.describe_vpcs()["Vpcs"]), len(ec2.describe_addresses()["Addresses"])
    except ClientError as error:
        return [_unknown("how many VPCs there are", error)]
    found = [_room(clients, VPCS, vpcs, 1, "VPCs")]
    if needs.addresses:
        found.append(_room(clients, ADDRESSES, addresses, needs.addresses, "Elastic IP addresses"))
    return found


def containers(clients: Callable[[str], Any], needs: Needs) -> list[Finding]:
    """Whether so many processors of Fargate may run."""
    kinds = ((ON_DEMAND, needs.vcpus, "vCPUs of Fargate"), (SPOT, needs.spot_vcpus, "vCPUs of Fargate Spot"))
    return [_room(clients, quota, 0, wanted, what) for quota, wanted, what in kinds if wanted]


def database(clients: Callable[[str], Any], needs: Needs) -> Finding:
    """Whether the region has such instances of DocumentDB."""
    if needs.instance is None:
        return fine("no DocumentDB is made")
    try:
        found = clients("docdb").describe_orderable_db_instance_options(Engine="docdb", DBInstanceClass=needs.instance)
    except ClientError as error:
        return _unknown("which instances of DocumentDB there are", error)
    if not found["OrderableDBInstanceOptions"]:
        return missing(f"DocumentDB has no {needs.instance} in this region", "set data.instance to another size")
    return fine(f"DocumentDB has {needs.instance} in this region")


def named(clients: Callable[[str], Any], needs: Needs) -> list[Finding]:
    """Whether what the config names is there."""
    found = [_secret(clients, arn) for arn in needs.secrets]
    if needs.certificate is not None:
        found.append(_certificate(clients, needs.certificate))
    return found


def _secret(clients: Callable[[str], Any], arn: str) -> Finding:
    try:
        clients("secretsmanager").describe_secret(SecretId=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return missing(f"the secret {arn} is not there", "make it, with the URL of the server in it")
        return _unknown(f"the secret {arn}", error)
    return fine(f"the secret {arn} is there")


def _certificate(clients: Callable[[str], Any], arn: str) -> Finding:
    how = "ask ACM for one in this region, and answer its validation"
    try:
        status = clients("acm").describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return missing(f"the certificate {arn} is not there", how)
        return _unknown(f"the certificate {arn}", error)
    if status != "ISSUED":
        return missing(f"the certificate {arn} is {status}", how)
    return fine(f"the certificate {arn} is issued")


def _room(clients: Callable[[str], Any], quota: tuple[str, str], used: float, wanted: float, what: str) -> Finding:
    service, code = quota
    try:
        most = float(clients("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    except ClientError as error:
        return _unknown(f"the quota of {what}", error)
    if used + wanted > most:
        text = f"{wanted:g} more {what} are needed, {used:g} are in use, and {most:g} are the most"
        return missing(text, f"ask for more at {QUOTAS} ({service}, {code})")
    return fine(f"there is room for {wanted:g} more {what}: {used:g} of {most:g} are in use")


def _unknown(what: str, error: Exception) -> Finding:
    return doubtful(f"{what} can't be told: {error}", "may we read it?")
