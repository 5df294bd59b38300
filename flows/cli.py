"""The `emotion` command."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from data.errors import DataRejected, PipelineError
from data.records import DataSummary, RunResults
from data.source import parse_source
from flows.console import console, error_console, print_data, print_results
from flows.doctor import examine
from flows.server import prefect_server
from flows.settings import Settings
from models.presets import PresetName
from models.variants import find_variant

app = typer.Typer(
    name="emotion",
    help="Retrain facial-expression classifiers: from a data set to a compared, explained model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
EXIT_FAILED = 1

SourceOption = Annotated[
    str,
    typer.Option(
        help='"sample", a folder, an archive\'s path or URL, or a Google Drive id or URL; add #sha256=HEX to pin it.'
    ),
]
SeedOption = Annotated[int, typer.Option(help="Seed of parts, views and trainings.", min=0)]
ForceOption = Annotated[bool, typer.Option("--force", help="Do every stage again, also where nothing changed.")]


def main() -> None:
    """Run the command; errors a person can mend are one message, not a traceback."""
    try:
        app()
    except PipelineError as error:
        error_console.print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)


@app.command()
def run(
    source: SourceOption = "sample",
    preset: Annotated[PresetName, typer.Option(help="Which variants, views and recipes.")] = "quick",
    variants: Annotated[str, typer.Option(help="Comma-separated, instead of the preset's own.")] = "",
    parallel: Annotated[int, typer.Option(help="Variants trained at once; 0 takes what the machine has.", min=0)] = 0,
    time_budget: Annotated[
        float, typer.Option(help="Most minutes of training a variant; 0 leaves the preset's.", min=0)
    ] = 0,
    seed: SeedOption = 42,
    force: ForceOption = False,
) -> None:
    """Retrain the variants of a preset on a data set and publish their comparison."""
    names = [name.strip() for name in variants.split(",") if name.strip()]
    for name in names:
        find_variant(name)
    parse_source(source)
    with _server():
        from flows.retrain import retrain  # after the server: prefect reads its settings when it is imported

        report = retrain(
            source=source,
            preset=preset,
            variants=names,  # type: ignore[arg-type]  # known names, as just checked
            parallel=parallel,
            time_budget_minutes=time_budget,
            seed=seed,
            force=force,
        )
    print_results(RunResults.model_validate_json((report / "results.json").read_text()), report)


@app.command()
def ingest(source: SourceOption = "sample", seed: SeedOption = 42, force: ForceOption = False) -> None:
    """Download and validate a data set; nothing is trained."""
    parse_source(source)
    try:
        with _server():
            from flows.ingest import ingest as ingest_flow

            dataset = ingest_flow(source=source, seed=seed, force=force)
    except DataRejected as rejected:
        if rejected.dataset:
            _print_judgement(rejected.dataset)
        raise
    _print_judgement(dataset)


@app.command()
def doctor() -> None:
    """Check this machine: each line is ok, or says what to do."""
    failed = False
    for check in examine(Settings()):
        failed = failed or not check.ok
        mark = "[green]ok[/]  " if check.ok else "[yellow]look[/]"
        advice = "" if check.ok else f": {check.advice}"
        console.print(f"{mark} {check.name}: {check.seen}{advice}", highlight=False, soft_wrap=True)
    if failed:
        console.print("Lines marked [yellow]look[/] limit what a run can do; the other lines are fine.")


def _print_judgement(dataset: Path) -> None:
    print_data(DataSummary.model_validate_json((dataset / "summary.json").read_text()), dataset)


@contextmanager
def _server() -> Iterator[None]:
    """Have a Prefect server for the length of the block, and its logs delivered before it ends."""
    settings = Settings()
    with prefect_server(settings.workspace, settings.server_start_seconds):
        try:
            yield
        finally:
            for name in ("prefect.flow_runs", "prefect.task_runs"):
                for handler in logging.getLogger(name).handlers:
                    handler.flush()
