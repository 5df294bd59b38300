"""Deployment of every flow as a child command: `python -m flows.service.deploy_process`.

Prefect imports the flows to read their parameters, which takes seconds. This process does that at once and deploys when
it gets a line on its standard input, so that it can start together with the server that it needs.
"""

import sys
from importlib import import_module

import yaml

from data.base.paths import PROJECT_ROOT

DEPLOYMENTS = PROJECT_ROOT / "prefect.yaml"


def main() -> None:
    """Import the flows, wait for a line, and run `prefect deploy`; do nothing if the parent ends before."""
    from prefect.cli import app
    from prefect.cli.deploy import _commands  # noqa: F401  # prefect's command line imports its commands late

    for deployment in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]:
        import_module(deployment["entrypoint"].partition(":")[0].removesuffix(".py").replace("/", "."))
    if sys.stdin.readline():
        sys.argv[1:] = ["--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)]
        sys.exit(app())


if __name__ == "__main__":
    main()
