"""The network: private subnets, a NAT gateway or endpoints, and who may talk to whom."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from mrq.domain.plain import check_number
from mrq.exceptions import ConfigError
from mrq_cdk.checks import RETENTION, check_choice, check_texts

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from constructs import IDependable

HTTPS = 443
SHORTEST, LONGEST = 16, 18  # what AWS takes, and what holds two private subnets of /20 and two public ones of /24

ENDPOINTS = {
    "ecs": ec2.InterfaceVpcEndpointAwsService.ECS,
    "lambda": ec2.InterfaceVpcEndpointAwsService.LAMBDA_,
    "scheduler": ec2.InterfaceVpcEndpointAwsService("scheduler"),
    "secretsmanager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
"""Services that MRQ's functions call, by boto3's names."""


@dataclass(frozen=True, slots=True)
class NetworkProps:
    """What `MrqNetwork` is made of.

    Args:
        nat_gateways: through which private subnets reach the internet; 0: they don't, and `endpoints` are needed.
        endpoints: services of AWS, by boto3's names, that get an endpoint in the VPC.
        cidr: addresses of the VPC, /16 to /18.
        log_days: how long flow logs are kept.
    """

    nat_gateways: int = 1
    endpoints: tuple[str, ...] = ()
    cidr: str = "10.0.0.0/16"
    log_days: int = 30

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_number("nat_gateways", self.nat_gateways, 0, 2, whole=True)
        check_texts("endpoints", self.endpoints)
        for each in self.endpoints:
            check_choice("endpoints", each, ENDPOINTS)
        check_choice("log_days", self.log_days, RETENTION)
        try:
            length = IPv4Network(self.cidr).prefixlen
        except ValueError:
            length = 0
        if not SHORTEST <= length <= LONGEST:
            raise ConfigError(
                f"cidr has to be addresses such as 10.0.0.0/16, of /{SHORTEST} to /{LONGEST}, whose first is that of "
                f"the network, not {self.cidr!r}"
            )


class MrqNetwork(Construct):
    """A VPC over two zones. Nothing of MRQ has a public address; public subnets hold NAT gateways alone.

    Attributes:
        vpc: the VPC.
        subnets: where everything of MRQ runs.
        ready: what has to be there before something calls from it: routes, gateways, endpoints.
    """

    def __init__(
        self, scope: Construct, name: str, props: NetworkProps | None = None, *, key: kms.IKey | None = None
    ) -> None:
        """`key`: encrypts the flow logs."""
        super().__init__(scope, name)
        props = props or NetworkProps()
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if props.nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED
        subnets = [ec2.SubnetConfiguration(name="private", subnet_type=private, cidr_mask=20)]
        if props.nat_gateways:
            public = ec2.SubnetConfiguration(
                name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
            )
            subnets.append(public)
        # the default group lets in only itself, and nothing of MRQ is in it; the CDK would take a function with rights
        # of EC2 to close it
        self.vpc = ec2.Vpc(
            self, "Vpc", ip_addresses=ec2.IpAddresses.cidr(props.cidr), max_azs=2, nat_gateways=props.nat_gateways,
            subnet_configuration=subnets, restrict_default_security_group=False,
        )  # fmt: skip
        self.subnets = ec2.SubnetSelection(subnet_type=private)
        group = logs.LogGroup(
            self, "FlowLogGroup", retention=retention(props.log_days), encryption_key=key,
            removal_policy=RemovalPolicy.DESTROY,
        )  # fmt: skip
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group))
        if props.nat_gateways:  # layers of images come from S3: not through the NAT gateway, which charges for each GB
            self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self._endpoints = self._made(props.endpoints)
        self.ready: tuple[IDependable, ...] = (self.vpc, *([] if self._endpoints is None else [self._endpoints]))

    def _made(self, services: tuple[str, ...]) -> ec2.SecurityGroup | None:
        """In one zone only: an endpoint is paid for by zone, and the other zone reaches it too."""
        if not services:
            return None
        group = ec2.SecurityGroup(self, "EndpointsGroup", vpc=self.vpc, description="MRQ endpoints of AWS services",
                                  allow_all_outbound=False)  # fmt: skip
        one = ec2.SubnetSelection(subnets=[self.vpc.select_subnets(subnet_type=self.subnets.subnet_type).subnets[0]])
        for service in services:
            self.vpc.add_interface_endpoint(
                service.capitalize(), service=ENDPOINTS[service], subnets=one, security_groups=[group], open=False
            )
        return group

    def group(self, scope: Construct, description: str) -> ec2.SecurityGroup:
        """A security group for something that runs here: it lets nobody in, and reaches AWS's services."""
        made = ec2.SecurityGroup(
            scope, "SecurityGroup", vpc=self.vpc, description=description, allow_all_outbound=False
        )
        if self._endpoints is None:
            made.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "services of AWS, and what tasks call")
        else:
            made.connections.allow_to(self._endpoints, ec2.Port.tcp(HTTPS), "endpoints of AWS services")
        return made


def retention(days: int) -> logs.RetentionDays:
    """How CloudWatch calls so many days."""
    names = {1: "ONE_DAY", 3: "THREE_DAYS", 5: "FIVE_DAYS", 7: "ONE_WEEK", 14: "TWO_WEEKS", 30: "ONE_MONTH",
             60: "TWO_MONTHS", 90: "THREE_MONTHS", 120: "FOUR_MONTHS", 150: "FIVE_MONTHS", 180: "SIX_MONTHS",
             365: "ONE_YEAR", 400: "THIRTEEN_MONTHS", 545: "EIGHTEEN_MONTHS", 731: "TWO_YEARS", 1096: "THREE_YEARS",
             1827: "FIVE_YEARS", 2192: "SIX_YEARS", 2557: "SEVEN_YEARS", 2922: "EIGHT_YEARS", 3288: "NINE_YEARS",
             3653: "TEN_YEARS"}  # fmt: skip
    found: logs.RetentionDays = logs.RetentionDays[names[days]]
    return found
