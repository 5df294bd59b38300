"""Functions of `emotion models`: what it prints of the versions, and how it moves the champion."""

import getpass
import os
import socket

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from flows.cli.champion.export import ensure_export
from flows.cli.terminal import console
from flows.server.shared import client_environment, live_server
from flows.settings import load_settings
from flows.steps.chosen_version import find_number
from models.registry.champion import ModelRegistry
from models.registry.connection import shown_uri, tracking_uri
from models.registry.journal import ChampionMove, JournalEntry, move_rows
from models.registry.tags import NAME_TAG, REPORT_TAG, VARIANT_TAG
from models.registry.versions import VersionRecord

SHOWN_MOVES = 10


def print_versions() -> None:
    """Print the versions of each registered model and the last moves of its champion."""
    workspace = load_settings().workspace
    models = [ModelRegistry(workspace, name) for name in ModelRegistry(workspace).list_models()]
    if not any(model.list_versions() for model in models):
        console.print(f"No version is registered at {escape(shown_uri(tracking_uri(workspace)))}.", soft_wrap=True)
    for model in models:
        _print_versions_of(model)


def _print_versions_of(registry: ModelRegistry) -> None:
    versions = registry.list_versions()
    if not versions:
        return
    console.print(_version_table(versions, registry.model))
    moves = registry.history()
    if moves:
        console.print(_move_table(moves[-SHOWN_MOVES:]))
    console.print(_tell_rollback(registry), highlight=False)


def print_version(version: str, model: str) -> None:
    """Print the origin of a version, the decision on it, and when it was champion.

    Raises:
        PipelineError: there is no such version.
    """
    registry = _registry(model)
    found = registry.show(find_number(version, registry))
    table = Table(box=SIMPLE, show_header=False)
    rows = {
        "version": str(found.version),
        "aliases": ", ".join(found.aliases) or "none",
        "created": found.created,
        "MLflow run": found.run_id,
        "MLflow model": found.model_id,
        **{name: value for name, value in sorted(found.tags.items()) if value},
    }
    for name, value in rows.items():
        table.add_row(name, escape(value))
    console.print(table)


def promote_version(version: str, reason: str, model: str) -> None:
    """Make a version the champion, and print the move.

    Raises:
        PipelineError: there is no such version, or it cannot be the champion.
    """
    registry = _registry(model)
    number = registry.show(find_number(version, registry)).version
    server = _join_server(registry)
    ensure_export(number, registry)  # before the move: who follows the champion wants its export at once
    move = registry.move_champion(number, _user(), reason)
    if move is None:
        console.print(f"Version {escape(version)} is the champion already; nothing was moved.", highlight=False)
    else:
        _report(move, registry, server)


def roll_back(reason: str, model: str) -> None:
    """Make the previous champion the champion again, and print the move.

    Raises:
        PipelineError: there is no previous champion.
    """
    registry = _registry(model)
    move = registry.rollback(_user(), reason)
    _report(move, registry, _join_server(registry))
    ensure_export(move.target, registry)


def _registry(model: str) -> ModelRegistry:
    return ModelRegistry(load_settings().workspace, model)


def _user() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _join_server(registry: ModelRegistry) -> bool:
    """Let this process tell the Prefect server of what it does, if one runs; Prefect must not be imported yet."""
    url = live_server(registry.workspace)
    if url:
        os.environ.update(client_environment(url, registry.workspace))
    return bool(url)


def _report(move: ChampionMove, registry: ModelRegistry, server: bool) -> None:
    """Print the move, and announce it to the Prefect server if one runs; no server is needed."""
    console.print(
        f"Champion: version [bold]{move.target}[/], before it {move.source or 'none'}. " + _tell_rollback(registry),
        highlight=False,
    )
    if server:
        from tasks.publish.promote import announce_move  # imports Prefect

        announce_move(move, registry.model)


def _tell_rollback(registry: ModelRegistry) -> str:
    previous = registry.previous()
    return f"A rollback goes to version [bold]{previous}[/]." if previous else "No rollback is possible yet."


def _version_table(versions: list[VersionRecord], model: str) -> Table:
    table = Table(title=f"Versions of the model {escape(model)}", title_justify="left", box=SIMPLE)
    for heading in ("version", "aliases", "variant", "created", "training", "report"):
        table.add_column(heading)
    for one in versions:
        aliases = ", ".join(f"[bold]{escape(alias)}[/]" for alias in one.aliases)
        texts = (one.tags.get(NAME_TAG, ""), one.created, one.tags.get(VARIANT_TAG, ""), one.tags.get(REPORT_TAG, ""))
        table.add_row(str(one.version), aliases, *map(escape, texts))
    return table


def _move_table(entries: list[JournalEntry]) -> Table:
    table = Table(title="Moves of the champion, newest first", title_justify="left", box=SIMPLE)
    rows = move_rows(entries)
    for heading in rows[0]:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    return table
