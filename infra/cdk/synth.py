"""`make synth`: one size as a template, without the CDK's command line. Says what is wrong and exits with 1."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from mrq.exceptions import ConfigError
from mrq_cdk.synthesis import make_app

HERE = Path(__file__).parent
REDUNDANT = "W3005"  # the CDK states dependencies that references imply as well


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size")
    parser.add_argument("--config", help="a config file")
    parser.add_argument("--code", action="store_true", help="bundle the code too, as a deployment does")
    given = parser.parse_args()
    context = {**json.loads((HERE / "cdk.json").read_text(encoding="utf-8"))["context"], "size": given.size}
    if given.config:
        context["config"] = given.config
    if not given.code:
        context["aws:cdk:bundling-stacks"] = []
    out = HERE / "cdk.out" / given.size
    try:
        app = make_app(context, str(out))
    except ConfigError as error:
        print(f"mrq: {error}", file=sys.stderr)
        return 1
    try:
        app.synth()
    except RuntimeError as error:  # the CDK has printed what is wrong
        print(f"mrq: {given.size}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    templates = sorted(out.glob("*.template.json"))
    lint = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", REDUNDANT, "--", *map(str, templates)]
    if subprocess.run(lint, check=False).returncode:
        return 1
    for template in templates:
        resources = json.loads(template.read_text(encoding="utf-8"))["Resources"]
        print(f"{given.size}: {len(resources)} resources in {template}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
