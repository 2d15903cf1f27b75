"""The dashboard: an HTTP API in front of a function. The one thing of MRQ that the internet reaches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from mrq.domain.plain import check_number
from mrq.exceptions import ConfigError
from mrq_cdk.checks import check_arn, check_text, check_texts
from mrq_cdk.functions import FunctionProps, MrqFunction
from mrq_cdk.network import retention
from mrq_cdk.reasons import acknowledge

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from mrq_cdk.functions import Surroundings

ACCESS_LOG = {"time": "$context.requestTime", "ip": "$context.identity.sourceIp", "method": "$context.httpMethod",
              "path": "$context.path", "status": "$context.status", "bytes": "$context.responseLength",
              "request": "$context.requestId"}  # fmt: skip
"""No header and no query: a token may be in them."""

BY_HAND = (
    "It is changed by hand, with `aws secretsmanager put-secret-value` and a deployment: a change that functions don't "
    "take up at the same moment would end sessions, or refuse the password, at every other request."
)


@dataclass(frozen=True, slots=True)
class DashboardProps:
    """What `MrqDashboard` is made of.

    Args:
        function: memory and the rest of its function.
        jwt_issuer: with it API Gateway lets in only requests with a token of this issuer, before MRQ looks at them. For
            programs and for pages behind a login of your own: browsers send no such token by themselves.
        jwt_audience: whom these tokens have to be for.
        domain: name under which it is reached; None: that of API Gateway.
        certificate: ARN of a certificate of ACM for this name, in the same region.
        requests_per_second: more are refused, by all together.
    """

    function: FunctionProps = field(default_factory=lambda: FunctionProps(memory_mb=1024, timeout=29))
    jwt_issuer: str | None = None
    jwt_audience: tuple[str, ...] = ()
    domain: str | None = None
    certificate: str | None = None
    requests_per_second: int = 50

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_text("jwt_issuer", self.jwt_issuer, optional=True)
        check_texts("jwt_audience", self.jwt_audience)
        if (self.jwt_issuer is None) != (not self.jwt_audience):
            raise ConfigError("jwt_issuer and jwt_audience go together, and one of them is missing")
        if self.jwt_issuer is not None and not self.jwt_issuer.startswith("https://"):
            raise ConfigError(f"jwt_issuer has to begin with https://, not be {self.jwt_issuer!r}")
        check_text("domain", self.domain, optional=True)
        check_arn("certificate", self.certificate, "acm")
        if (self.domain is None) != (self.certificate is None):
            raise ConfigError("domain and certificate go together, and one of them is missing")
        check_number("requests_per_second", self.requests_per_second, 1, 10_000, whole=True)


class MrqDashboard(Construct):
    """The function and its API.

    Attributes:
        url: where it is.
        login: the secret with the first user's name and password. More users: DASHBOARD_USERS in mrq-config.py.
        function, role: of Lambda and IAM.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        props: DashboardProps | None = None,
        *,
        around: Surroundings,
        wakes: lambda_.IFunction | None = None,
    ) -> None:
        """`wakes`: the dispatcher, invoked when what was queued or requeued has no worker that listens."""
        super().__init__(scope, name)
        props = props or DashboardProps()
        self.login = self._secret("Login", "MRQ dashboard: its first user", around, {"username": "admin"})
        signing = self._secret("Signing", "MRQ dashboard: signs the cookies of sessions", around, None)
        domain = self._domain(props)
        address = {} if props.domain is None else {"MRQ_DASHBOARD_URL": f"https://{props.domain}"}
        made = MrqFunction(
            self, "Dashboard", handler="dashboard", about="the dashboard", around=around, props=props.function,
            environment={
                **address,
                "MRQ_DASHBOARD_SECRET": signing.secret_arn,
                "MRQ_DASHBOARD_HTTPAUTH": f"admin:$({self.login.secret_arn}:password::)",
            },
            wakes=wakes,
        )  # fmt: skip
        made.role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"],
                                resources=[signing.secret_arn, self.login.secret_arn])
        )  # fmt: skip
        self.function, self.role, self.security_group = made.function, made.role, made.security_group
        self.api = gateway.HttpApi(
            self,
            "Api",
            api_name=f"{made.node.path.replace('/', '-')}",
            description="MRQ's dashboard",
            create_default_stage=False,
            default_integration=integrations.HttpLambdaIntegration("Function", made.function),
            default_authorizer=_authorizer(props),
            disable_execute_api_endpoint=domain is not None,
        )
        acknowledge(self.api, "The dashboard asks for a login by itself; a JWT authorizer is an option.",
                    "AwsSolutions-APIG4", "Serverless-APIGWDefaultThrottling")  # fmt: skip
        self._stage(props, around, domain)
        self.url = f"https://{props.domain}" if props.domain else self.api.api_endpoint

    def _stage(self, props: DashboardProps, around: Surroundings, domain: gateway.DomainName | None) -> None:
        log = logs.LogGroup(self, "AccessLog", retention=retention(props.function.log_days), encryption_key=around.key,
                            removal_policy=RemovalPolicy.DESTROY)  # fmt: skip
        mapping = None if domain is None else gateway.DomainMappingOptions(domain_name=domain)
        stage = gateway.HttpStage(
            self, "Stage", http_api=self.api, stage_name="$default", auto_deploy=True, domain_mapping=mapping,
            throttle=gateway.ThrottleSettings(
                rate_limit=props.requests_per_second, burst_limit=2 * props.requests_per_second
            ),
        )  # fmt: skip
        made = stage.node.default_child
        if isinstance(made, gateway.CfnStage):
            made.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn, format=json.dumps(ACCESS_LOG)
            )

    def _domain(self, props: DashboardProps) -> gateway.DomainName | None:
        if props.domain is None or props.certificate is None:
            return None
        certificate = certificates.Certificate.from_certificate_arn(self, "Certificate", props.certificate)
        return gateway.DomainName(self, "Domain", domain_name=props.domain, certificate=certificate,
                                  security_policy=gateway.SecurityPolicy.TLS_1_2)  # fmt: skip

    def _secret(
        self, name: str, about: str, around: Surroundings, template: dict[str, str] | None
    ) -> secretsmanager.Secret:
        made = secretsmanager.Secret(
            self, name, description=about, encryption_key=around.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=None if template is None else json.dumps(template),
                generate_string_key=None if template is None else "password",
                password_length=40, exclude_punctuation=True,
            ),
        )  # fmt: skip
        acknowledge(made, BY_HAND, "AwsSolutions-SMG4")
        return made


def _authorizer(props: DashboardProps) -> gateway.IHttpRouteAuthorizer | None:
    if props.jwt_issuer is None:
        return None
    made: gateway.IHttpRouteAuthorizer = authorizers.HttpJwtAuthorizer(
        "Jwt", props.jwt_issuer, jwt_audience=list(props.jwt_audience)
    )
    return made
