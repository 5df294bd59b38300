"""Deployment of every flow as a child command: `python -m flows.service.deploy_process`.

Prefect imports the flows to read their parameters, which takes seconds. This process does that at once and deploys when
it gets a line on its standard input, so that it can start together with the server that it needs.
"""

import sys
from importlib import import_module

from flows.service.deployments import DEPLOYMENTS, own_entrypoints


def main() -> None:
    """Import the flows, wait for a line, and run `prefect deploy`; do nothing if the parent ends before."""
    from prefect.cli import app
    from prefect.cli.deploy import _commands  # noqa: F401  # prefect's command line imports its commands late

    for entrypoint in own_entrypoints():
        import_module(entrypoint.partition(":")[0].removesuffix(".py").replace("/", "."))
    if sys.stdin.readline():
        sys.argv[1:] = ["--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)]
        sys.exit(app())


if __name__ == "__main__":
    main()
