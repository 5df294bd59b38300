"""Commands of `emotion store`: the store that several hosts share."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from flows.cli.terminal import console
from reports.common.formatting import plural

app = typer.Typer(no_args_is_help=True, help="The store that several hosts share: status, push, pull, verify, prune.")

EXIT_INCOMPLETE = 3
"""Exit status if something was damaged or missing, and the rest was done."""

NAMED_STAGES = 5
"""Missing stages that are named, at most."""


@app.command()
def status() -> None:
    """Show what the store has, who writes now, and what this workspace has and the store lacks."""
    from data.shared_store.address import MissingStore
    from data.shared_store.leases import list_leases
    from data.shared_store.needs import list_named_needs
    from data.shared_store.stages import list_stages
    from data.shared_store.tier import KEPT_LOCALLY
    from data.workspace.reachability import find_stages
    from flows.settings import load_settings

    settings = load_settings()
    try:
        store = settings.open_store(make=False)
    except MissingStore as missing:
        console.print(escape(str(missing)), highlight=False, soft_wrap=True)
        return
    there, objects = set(list_stages(store)), dict(store.list(""))
    here = {
        stored.name for stored in find_stages(settings.workspace.resolve()) if stored.record.stage not in KEPT_LOCALLY
    }
    console.print(f"{escape(store.url)}: {plural(len(there), 'stage')}, {sum(objects.values()) / 1e6:,.1f} MB")
    console.print(f"Only here: {plural(len(here - there), 'stage')}; emotion store push gives them to the store")
    console.print(
        f"Only there: {plural(len(there - here), 'stage')}; a run fetches what it needs, emotion store pull the rest"
    )
    for name, needs in list_named_needs(store):
        console.print(
            f"{escape(needs.host)} needs {plural(len(needs.stages), 'stage')} ({escape(name)})", soft_wrap=True
        )
    for stage, key, lease in list_leases(store):
        console.print(f"{escape(lease.host)}, process {lease.process}, writes {stage}/{key}")


@app.command()
def push() -> None:
    """Give the store every stage that it lacks, the champion, MLflow's records and the reviews of this workspace."""
    from data.shared_store.state import push_state
    from data.shared_store.transfer import push_missing, tell_needs
    from data.workspace.reachability import PrunePolicy
    from flows.settings import load_settings
    from models.registry.champion import ModelRegistry

    settings = load_settings()
    store, workspace = settings.open_store(), settings.open_workspace()
    count = push_missing(store, workspace, _tell("to the store"))
    protected = ModelRegistry(workspace.root).protected_keys()
    tell_needs(store, workspace, PrunePolicy(keep=max(1, settings.keep_reports), protected=protected))
    number = push_state(store, workspace.root)  # last: if it is refused, no other host removes what this one needs
    console.print(f"{plural(count, 'stage')} written to {escape(store.url)}; champion and reviews are copy {number}")


@app.command()
def pull(
    workspace: Annotated[str, typer.Option(help="Id of the workspace, if the store has several.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Images and views too, instead of what reports and champion need.")
    ] = False,
) -> None:
    """Bring a workspace to this host: its champion, MLflow's records, reviews, reports and their trainings.

    The exit status is 3 if the store lacks stages that the workspace needs.
    """
    from data.shared_store.state import pull_state
    from data.shared_store.transfer import SHOWN_STAGES, pull_needed
    from flows.settings import load_settings

    settings = load_settings()
    store = settings.open_store(make=False)
    state = pull_state(store, settings.workspace.resolve(), workspace)
    pulled = pull_needed(store, settings.open_workspace(), None if everything else SHOWN_STAGES, _tell("here"))
    copied = f"copy {state.number} of host {state.host}" if state else "the newest copy already"
    console.print(
        f"{plural(pulled.count, 'stage')} fetched from {escape(store.url)}; champion and reviews are {escape(copied)}"
    )
    if pulled.missing:
        _tell_missing(pulled.missing)
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def verify() -> None:
    """Read every object of the store; remove what is damaged, so that a host that has it writes it again.

    The exit status is 3 if something was damaged.
    """
    from data.shared_store.upkeep import remove_damage
    from flows.settings import load_settings

    store, damaged = load_settings().open_store(make=False), 0
    if store.is_empty():
        console.print(f"{escape(store.url)} is empty: nothing was pushed there yet.", highlight=False, soft_wrap=True)
        return
    for name, fault in remove_damage(store):
        console.print(f"[yellow]{escape(name)}[/]: {escape(fault)}", soft_wrap=True)
        damaged += 1
    if damaged:
        were = "was" if damaged == 1 else "were"
        console.print(f"{damaged:,} {were} damaged: run emotion store push on each host that may have them")
        raise typer.Exit(EXIT_INCOMPLETE)
    console.print("Every stage, and every copy of a state, is whole.")


@app.command()
def prune(
    days: Annotated[
        float, typer.Option(help="Days for which everything stays; with 0 no host may push meanwhile.", min=0)
    ] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove from the store what no workspace needs: no champion, report or running training of any host."""
    from data.shared_store.upkeep import prune_store
    from flows.settings import load_settings

    removed = prune_store(load_settings().open_store(make=False), days, dry_run)
    for stage, key in removed.stages:
        console.print(f"{stage}/{key}")
    console.print(
        f"{'would remove' if dry_run else 'removed'} {plural(len(removed.stages), 'stage')} and "
        f"{plural(removed.objects, 'object')}, {removed.object_bytes / 1e6:,.1f} MB; "
        f"{plural(removed.kept, 'stage')} {'stays' if removed.kept == 1 else 'stay'}"
    )


def _tell_missing(missing: Sequence[tuple[str, str]]) -> None:
    named = ", ".join(f"{stage}/{key}" for stage, key in missing[:NAMED_STAGES])
    them = "it" if len(missing) == 1 else "them"
    others = f" and {len(missing) - NAMED_STAGES:,} more" if len(missing) > NAMED_STAGES else ""
    console.print(
        f"[yellow]The store lacks {plural(len(missing), 'stage')} that this workspace needs, or has {them} damaged[/]: "
        f"{named}{others}. Run emotion store push on a host that has {them}, then pull again; a run rebuilds what it "
        "needs",
        highlight=False,
        soft_wrap=True,
    )


def _tell(where: str):
    return lambda stage, key: console.print(f"{stage}/{key} {where}", highlight=False)
