"""What `emotion export` does: export a version or a training, show the formats, copy them."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from data.base.errors import PipelineError
from data.records.export import ExportFormat
from data.workspace.store import Workspace
from flows.cli.terminal import console
from flows.settings import load_settings
from flows.steps.chosen_version import find_number
from models.export.bundle import read_bundle
from models.export.copy import copy_export, select_formats
from models.export.find import champion_export
from models.export.jobs import FORMATS
from models.export.reported import find_reported
from models.export.training import find_key
from models.registry.champion import ModelRegistry


def export_network(version: str, run: str, model: str, to: Path | None, names: Sequence[str]) -> None:
    """Export a network, print its formats, and copy those that are offered.

    Args:
        version: number or alias, unless a run is given.
        run: key of a training, or name of a variant; empty takes the version.
        model: name of the registered model.
        to: directory to make; None copies nothing.
        names: of the formats to show and copy; none means all.

    Raises:
        PipelineError: there is no such version or training, or a format that was asked for is not offered.
    """
    formats: list[ExportFormat] = [_parse_format(name) for name in names]
    workspace = Workspace(load_settings().workspace)
    if to and to.exists():
        raise PipelineError(f"got {to}, which exists, expected a new directory: remove it, or name another")
    console.print("Exporting; each format is compared with the network on all validation images.", highlight=False)
    path = _export_run(run, workspace) if run else _export_version(version, model, workspace)
    bundle = select_formats(read_bundle(path), formats)
    table = Table(title=f"Exports of {escape(bundle.variant)} ({bundle.variant_key})", title_justify="left", box=SIMPLE)
    rows = [one.describe() for one in bundle.formats]
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in ("format", "offered") else "right")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    console.print(table)
    if to:
        copy_export(path, to, formats)
    console.print(f"[bold]Files:[/] {escape(str(to or path))}; README.md there has code for each.", soft_wrap=True)


def ensure_export(version: int, registry: ModelRegistry) -> None:
    """Export a version that has no export yet; print the reason if it cannot be exported."""
    try:
        if champion_export(registry.workspace, registry.model, version)[1] is None:
            console.print(f"Exporting version {version}.", highlight=False)
            _export_version(str(version), registry.model, Workspace(registry.workspace))
    except PipelineError as error:
        console.print(f"Version {version} has no export: {escape(str(error))}", highlight=False, soft_wrap=True)


def _parse_format(name: str) -> ExportFormat:
    for one in FORMATS:
        if one == name:
            return one
    raise PipelineError(f"got format {name!r}, expected one of {', '.join(FORMATS)}")


def _export_version(version: str, model: str, workspace: Workspace) -> Path:
    from tasks.publish.export import export_version  # imports Prefect
    from tasks.support.child_processes import training_children

    number = find_number(version, ModelRegistry(workspace.root, model))
    with training_children() as children:
        return export_version(number, workspace, children, model)


def _export_run(run: str, workspace: Workspace) -> Path:
    from tasks.publish.export import make_export  # imports Prefect
    from tasks.support.child_processes import training_children

    with training_children() as children:
        key = find_key(workspace.root, run)
        return make_export(key, workspace, children, find_reported(workspace.root, key)).path
