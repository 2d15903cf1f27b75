"""Templates of CloudFormation, and questions about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CDK = Path(__file__).parents[2] / "infra/cdk"


class Templates:
    """Makes them."""

    @staticmethod
    def synthesize(context: Mapping[str, Any], out: Path, *, code: bool = False) -> Path:
        """As `make synth` does, into a folder; the template's file. Raises RuntimeError for what cdk-nag finds."""
        from mrq_cdk.synthesis import make_app

        flags = json.loads((CDK / "cdk.json").read_text())["context"]
        without: dict[str, Any] = {} if code else {"aws:cdk:bundling-stacks": []}
        make_app({**flags, **without, **context}, str(out)).synth()
        (found,) = out.glob("*.template.json")
        return found


class Resources:
    """The resources of a template, by their logical ids."""

    def __init__(self, found: Mapping[str, Mapping[str, Any]]) -> None:
        self.all = found

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of the resources of a kind such as `Lambda::Function`."""
        return {
            name: dict(each.get("Properties", {})) for name, each in self.all.items() if each["Type"] == f"AWS::{kind}"
        }

    def one(self, kind: str) -> dict[str, Any]:
        """The properties of the only one."""
        (found,) = self.of(kind).values()
        return found

    def function(self, handler: str) -> tuple[str, dict[str, Any]]:
        """Id and properties of the function with this handler of mrq_lambda."""
        ((name, found),) = [
            (name, each)
            for name, each in self.of("Lambda::Function").items()
            if each["Handler"] == f"mrq_lambda.{handler}.handler"
        ]
        return name, found

    def statements(self, role: str) -> Iterator[dict[str, Any]]:
        """The statements of all policies of a role."""
        for policy in self.of("IAM::Policy").values():
            if {"Ref": role} in policy["Roles"]:
                yield from policy["PolicyDocument"]["Statement"]


def role_of(function: Mapping[str, Any]) -> str:
    """Id of the role of a function."""
    name: str = function["Role"]["Fn::GetAtt"][0]
    return name


def listed(value: Any) -> list[Any]:
    """What IAM writes as one or as several."""
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """A value with its references, as text: `<Cache.Endpoint.Address>`."""
    if isinstance(value, dict):
        if "Fn::Join" in value:
            return str(value["Fn::Join"][0]).join(flat(part) for part in value["Fn::Join"][1])
        if "Ref" in value:
            return f"<{value['Ref']}>"
        if "Fn::GetAtt" in value:
            return f"<{'.'.join(value['Fn::GetAtt'])}>"
        raise ValueError(f"no text: {value}")
    return str(value)
