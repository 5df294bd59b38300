"""Commands of `emotion` that keep a workspace and a machine in order, and the server that commands run with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape

from flows.cli.terminal import console

app = typer.Typer()


@app.command()
def prune(
    keep: Annotated[
        int, typer.Option(help="Newest reports to keep, with everything that they were made from.", min=1)
    ] = 8,
    days: Annotated[
        float, typer.Option(help="Days to keep what no report uses yet: interrupted runs and downloads.", min=0)
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove what the newest reports do not need from the workspace, and the Prefect runs that made it."""
    from data.workspace.prune import prune_workspace
    from data.workspace.reachability import PrunePolicy
    from flows.cli.printing import print_pruned
    from flows.server.shared import ends_with_its_runs, has_server
    from flows.settings import load_settings
    from models.registry.champion import ModelRegistry
    from models.registry.prune import MlflowPruner

    settings = load_settings()
    protected = ModelRegistry(settings.workspace).protected_keys()
    workspace = settings.open_workspace(shared=False)  # it removes what is here alone
    policy = PrunePolicy(keep=keep, days=days, protected=protected)
    pruners = [MlflowPruner(workspace.root, workspace.id)]
    counts, times = prune_workspace(workspace, policy, dry_run, pruners)
    if not dry_run:
        from reports.site.index import write_index

        write_index(settings.workspace)
    print_pruned(counts, dry_run)
    if dry_run and not has_server(settings.workspace):
        return  # nothing to count, and starting a server would make its database
    with running_server() as url:  # last, since a server may not start on a full disk
        from tasks.publish.housekeeping import prune_flow_runs

        print_pruned([prune_flow_runs(times, keep, dry_run, ends_with_its_runs(url, settings.workspace))], dry_run)


@app.command()
def doctor() -> None:
    """Check this machine: each line is ok, or says what to do."""
    from flows.cli.doctor import examine
    from flows.settings import read_usable_settings

    failed = False
    for check in examine(*read_usable_settings()):
        failed = failed or not check.ok
        mark = "[green]ok[/]  " if check.ok else "[yellow]look[/]"
        advice = f": {check.advice}" if check.advice and not check.ok else ""
        console.print(f"{mark} {check.name}: {escape(check.seen + advice)}", highlight=False, soft_wrap=True)
    if failed:
        console.print("Lines marked [yellow]look[/] limit what a run can do; the other lines are fine.")


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the URL of a Prefect server that runs during the block; deliver the logs before the server ends."""
    from flows.server.shared import prefect_server
    from flows.settings import load_settings

    settings = load_settings()
    with prefect_server(settings.workspace, settings.server_start_seconds) as url:
        try:
            yield url
        finally:
            for name in ("prefect.flow_runs", "prefect.task_runs"):
                for handler in logging.getLogger(name).handlers:
                    handler.flush()
