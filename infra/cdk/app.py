"""The CDK's app: `cdk deploy -c size=standard -c config=mrq.json`."""

from __future__ import annotations

import sys

from mrq.exceptions import ConfigError
from mrq_cdk.synthesis import main

if __name__ == "__main__":
    try:
        main()
    except ConfigError as error:
        sys.exit(f"mrq: {error}")
