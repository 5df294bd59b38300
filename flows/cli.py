"""The `emotion` command."""

import logging
import os
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from pydantic import ValidationError
from rich.markup import escape

from data.errors import DataRejected, PipelineError
from data.faults import describe_faults
from data.prune import PrunePolicy, prune_workspace
from data.records import DataSummary, RunResults
from data.relabel import LabelAudit
from data.search import PRESET_NAME, SEARCH_NAME, SearchRecord
from data.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.budget import check_search
from flows.console import (
    console,
    error_console,
    print_audit,
    print_data,
    print_last_run,
    print_notifications,
    print_parts,
    print_pruned,
    print_results,
    print_schedule,
    print_search,
    print_up,
)
from flows.deploy import deploy_all
from flows.doctor import examine
from flows.models_cli import app as models_app
from flows.rendering import COMPARED_PDF, REPORT_PDF, compare_again, render_again
from flows.schedule import ScheduleChoice, apply_schedule, read_schedule, write_schedule
from flows.server import (
    API_URL_VARIABLE,
    RUN_ENVIRONMENT,
    auth_environment,
    ends_with_its_runs,
    find_kept_server,
    prefect_server,
)
from flows.settings import Settings, load_settings
from flows.up import UpRecord, end_up, find_up, part_states, run_up, start_detached
from models.mlflow_prune import MlflowPruner
from models.presets import PRESETS, load_preset
from models.promotion import PromotionPolicy
from models.registry import ModelRegistry
from models.repeats import MOST_SEEDS, training_seeds
from models.search import load_space
from models.variants import find_variant
from reports.audit import AUDIT_NAME
from reports.index import write_index
from reports.pdf import find_browser, print_pdf
from reports.stored import LAST
from reports.verdict import SUMMARY_NAME, VERDICT_PAGE

app = typer.Typer(
    name="emotion",
    help="Retrain facial-expression classifiers: from a data set to a compared, explained model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
EXIT_FAILED = 1

PRESET_HELP = f"{', '.join(PRESETS)}, or the path of a preset file, such as emotion tune writes."

Form = TypeVar("Form", RulePolicies, DataLimits, PromotionPolicy)

SourceOption = Annotated[
    str,
    typer.Option(
        help='"sample", a folder, an archive\'s path or URL, or a Google Drive id or URL; add #sha256=HEX to pin it.'
    ),
]
SeedOption = Annotated[int, typer.Option(help="Seed of parts, views and trainings.", min=0, max=2**31 - 1)]
SeedsOption = Annotated[
    int,
    typer.Option(
        help="Trainings of each variant, with seed, seed + 1, ...; the first is compared, the others show the spread.",
        min=1,
        max=MOST_SEEDS,
    ),
]
ParallelOption = Annotated[int, typer.Option(help="Trainings at once; 0 takes what the machine has.", min=0, max=64)]
TimeBudgetOption = Annotated[
    float, typer.Option(help="Most minutes of one training; 0 leaves the preset's.", min=0, max=10_000)
]
RelabelOption = Annotated[
    str, typer.Option(help="A relabel.csv: the suspects.csv of an audit with new_label filled in by a person.")
]
PolicyOption = Annotated[
    list[str],
    typer.Option(
        "--policy", help="RULE=CHOICE, such as not_blank=fail, for any rule of docs/data-quality.md; repeatable."
    ),
]
LimitOption = Annotated[
    list[str],
    typer.Option("--limit", help="NAME=NUMBER, such as minimum_test_images=20, of docs/data-quality.md; repeatable."),
]
PromotionOption = Annotated[
    list[str],
    typer.Option(
        "--promotion", help="NAME=VALUE, such as approval=manual, of docs/promotion.md; for a new champion; repeatable."
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Do every stage again, also where nothing changed.")]
PlainOption = Annotated[
    bool, typer.Option("--plain", help="Print the log alone, without the view that a terminal shows.")
]


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
    preset: Annotated[str, typer.Option(help=f"Which variants, views and recipes: {PRESET_HELP}")] = "quick",
    variants: Annotated[str, typer.Option(help="Comma-separated, instead of the preset's own.")] = "",
    parallel: ParallelOption = 0,
    time_budget: TimeBudgetOption = 0,
    seed: SeedOption = 42,
    seeds: SeedsOption = 1,
    relabel: RelabelOption = "",
    policy: PolicyOption = [],  # noqa: B006 - Typer wants a concrete default; never changed
    limit: LimitOption = [],  # noqa: B006
    promotion: PromotionOption = [],  # noqa: B006
    force: ForceOption = False,
    plain: PlainOption = False,
) -> None:
    """Retrain the variants of a preset on a data set and publish their comparison."""
    names = [name.strip() for name in variants.split(",") if name.strip()]
    for name in names:
        find_variant(name)
    load_preset(preset)
    parse_source(source)
    training_seeds(seed, seeds)
    policies = parse_choices("--policy", policy, RulePolicies)
    limits = parse_choices("--limit", limit, DataLimits)
    policy_of_promotion = parse_choices("--promotion", promotion, PromotionPolicy)
    with _server():
        from flows.live import find_terminal, live_view  # after the server: prefect reads its settings when imported
        from flows.retrain import retrain

        with live_view(None if plain else find_terminal()):
            report = retrain(
                source=source,
                preset=preset,
                variants=names,  # type: ignore[arg-type]  # known names, as just checked
                parallel=parallel,
                time_budget_minutes=time_budget,
                seed=seed,
                seeds=seeds,
                relabel=relabel,
                policies=policies,
                limits=limits,
                promotion=policy_of_promotion,
                force=force,
            )
    print_results(RunResults.model_validate_json((report / "results.json").read_text()), report)


@app.command()
def ingest(
    source: SourceOption = "sample",
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    force: ForceOption = False,
) -> None:
    """Download and validate a data set; nothing is trained."""
    parse_source(source)
    policies = parse_choices("--policy", policy, RulePolicies)
    limits = parse_choices("--limit", limit, DataLimits)
    try:
        with _server():
            from flows.ingest import ingest as ingest_flow

            verdict = ingest_flow(
                source=source, seed=seed, relabel=relabel, policies=policies, limits=limits, force=force
            )
    except DataRejected as rejected:
        if rejected.verdict:
            _print_verdict(rejected.verdict)
        raise
    _print_verdict(verdict)


@app.command()
def audit(
    source: SourceOption = "sample",
    folds: Annotated[int, typer.Option(help="Trainings; each fold of train is held out of one.", min=2, max=20)] = 3,
    variant: Annotated[str, typer.Option(help="The network that judges the labels.")] = "compact",
    preset: Annotated[str, typer.Option(help=f"Its views and recipe: {PRESET_HELP}")] = "quick",
    parallel: ParallelOption = 0,
    time_budget: TimeBudgetOption = 0,
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    force: ForceOption = False,
) -> None:
    """Name the labels of a data set that are suspected to be wrong, those of the train part too."""
    find_variant(variant)
    load_preset(preset)
    parse_source(source)
    policies = parse_choices("--policy", policy, RulePolicies)
    limits = parse_choices("--limit", limit, DataLimits)
    with _server():
        from flows.audit import audit as audit_flow

        directory = audit_flow(
            source=source,
            folds=folds,
            variant=variant,  # type: ignore[arg-type]  # a known name, as just checked
            preset=preset,
            parallel=parallel,
            time_budget_minutes=time_budget,
            seed=seed,
            relabel=relabel,
            policies=policies,
            limits=limits,
            force=force,
        )
    print_audit(LabelAudit.model_validate_json((directory / AUDIT_NAME).read_text()), directory)


@app.command()
def tune(
    source: SourceOption = "sample",
    variant: Annotated[str, typer.Option(help="The network whose recipe is searched.")] = "compact",
    preset: Annotated[str, typer.Option(help=f"Its views and the recipe to begin with: {PRESET_HELP}")] = "quick",
    trials: Annotated[int, typer.Option(help="Recipes to try, an earlier try's included.", min=1, max=1000)] = 20,
    minutes: Annotated[float, typer.Option(help="Most wall minutes in all.", min=0.01, max=10_000)] = 60,
    trial_minutes: Annotated[float, typer.Option(help="Minutes of training of one trial.", min=0.01, max=10_000)] = 3,
    space: Annotated[str, typer.Option(help="JSON, or a file with it: what to try other than usual.")] = "",
    parallel: ParallelOption = 0,
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    force: ForceOption = False,
    out: Annotated[str, typer.Option(help="Where to write the preset file that is found.")] = "",
) -> None:
    """Search a variant's recipe on the selection part and write the best one found as a preset file."""
    find_variant(variant)
    load_preset(preset)
    parse_source(source)
    check_search(minutes, trial_minutes, out)
    parameters: dict[str, Any] = {
        "source": source,
        "seed": seed,
        "relabel": relabel,
        "policies": parse_choices("--policy", policy, RulePolicies),
        "limits": parse_choices("--limit", limit, DataLimits),
    }
    searched = load_space(space)
    with _server():
        from flows.retrain import repeat_command
        from flows.tune import tune as tune_flow

        directory: Any = tune_flow(
            **parameters,
            variant=variant,  # type: ignore[arg-type]  # a known name, as just checked
            preset=preset,
            trials=trials,
            minutes=minutes,
            trial_minutes=trial_minutes,
            space=searched,
            parallel=parallel,
            force=force,
            out=out,
        )
        found = Path(out) if out else directory / PRESET_NAME
        measure = repeat_command({**parameters, "preset": str(found)})
    print_search(SearchRecord.model_validate_json((directory / SEARCH_NAME).read_text()), found, measure)


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A report's key or its beginning, a run's name, or last.")] = LAST,
    compare: Annotated[str, typer.Option(help="A second run: write what changed between the two instead.")] = "",
    out: Annotated[str, typer.Option(help="Directory to write into; else one in the workspace's rendered.")] = "",
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Print the page as a PDF too, with a Chromium found here.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser of this desktop.")] = False,
) -> None:
    """Render a run's report again from what is stored, or compare two runs; nothing is trained."""
    workspace = load_settings().workspace
    browser = find_browser() if pdf else None
    page = compare_again(workspace, run, compare, out) if compare else render_again(workspace, run, out)
    console.print(f"[bold]{'Comparison' if compare else 'Report'}:[/] {escape(str(page))}", soft_wrap=True)
    if browser:
        printed = page.with_name(COMPARED_PDF if compare else REPORT_PDF)
        print_pdf(page, printed, browser)
        console.print(f"[bold]PDF:[/] {escape(str(printed))}", soft_wrap=True)
    if show and not webbrowser.open(page.as_uri()):
        raise PipelineError(f"got no browser that opens on this machine, expected one: open {page} yourself")


@app.command()
def prune(
    keep: Annotated[int, typer.Option(help="Newest reports to keep, with all they were made from.", min=1)] = 8,
    days: Annotated[
        float, typer.Option(help="Days to keep what no report names yet: broken-off runs, downloads.", min=0)
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
) -> None:
    """Remove from the workspace what the newest reports do not need, and the Prefect runs behind it."""
    settings = load_settings()
    protected = ModelRegistry(settings.workspace).protected_keys()
    policy, pruners = PrunePolicy(keep=keep, days=days, protected=protected), [MlflowPruner(settings.workspace)]
    counts, times = prune_workspace(settings.open_workspace(), policy, dry_run, pruners)
    if not dry_run:
        write_index(settings.workspace)
    print_pruned(counts, dry_run)
    with _server() as url:  # last, since a server may not start on a full disk
        from tasks.housekeeping import prune_flow_runs

        print_pruned([prune_flow_runs(times, keep, dry_run, ends_with_its_runs(url, settings.workspace))], dry_run)


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything answers.")] = False,
) -> None:
    """Keep Prefect's server, a worker, MLflow's UI and the reports running, until Ctrl-C."""
    settings = load_settings()
    if detach:
        print_up(start_detached(settings), read_schedule(settings.workspace))
        console.print("Runs until [bold]emotion down[/]; emotion status shows it.", highlight=False)
        return

    def ready(record: UpRecord) -> None:
        print_up(record, read_schedule(settings.workspace))
        console.print("Ctrl-C ends it all. What the parts log:", highlight=False)

    run_up(settings, lambda line: console.print(escape(line), highlight=False, soft_wrap=True), ready)


@app.command()
def down() -> None:
    """End what emotion up keeps running; its runs too."""
    settings = load_settings()
    was_up = end_up(settings)
    console.print(f"{settings.workspace.resolve()} {'is down' if was_up else 'was not up'}", highlight=False)


@app.command()
def status() -> None:
    """Show what emotion up keeps running, the schedule, the notifications and the last run."""
    settings = load_settings()
    record = find_up(settings.workspace)
    schedule_choice = read_schedule(settings.workspace)
    if not record:
        console.print(f"{settings.workspace.resolve()} is not up: run emotion up", highlight=False, soft_wrap=True)
        print_schedule(schedule_choice)
        sys.exit(EXIT_FAILED)
    print_parts(record, part_states(record, settings.workspace))
    print_schedule(schedule_choice)
    print_notifications(record)
    _use_server(settings)
    from flows.history import last_run

    print_last_run(last_run())


@app.command()
def schedule(
    switch: Annotated[Literal["on", "off"], typer.Argument(help="Whether retrain and ingest run by themselves.")],
    source: Annotated[str, typer.Option(help="Their data set from now on, instead of the deployment's.")] = "",
    preset: Annotated[str, typer.Option(help=f"The preset of retrain from now on: {PRESET_HELP}")] = "",
) -> None:
    """Switch the weekly retrain and the daily ingest on or off, now and after every deploy."""
    settings = load_settings()
    if source:
        parse_source(source)
    if preset:
        load_preset(preset)
    former = read_schedule(settings.workspace)
    choice = ScheduleChoice(
        on=switch == "on", source=_absolute(source or former.source), preset=_absolute(preset or former.preset)
    )
    write_schedule(choice, settings.workspace)
    if _use_server(settings):
        apply_schedule(choice, settings.schedule_cron)
    else:
        console.print("Nothing is up; it is applied by the next [bold]emotion up[/].", highlight=False)
    print_schedule(choice)


@app.command()
def deploy() -> None:
    """Deploy the flows, the schedule and the automations to the server that is up, or that PREFECT_API_URL names."""
    settings = load_settings()
    if not _use_server(settings):
        raise PipelineError("got no server to deploy to: run emotion up, which deploys too, or set PREFECT_API_URL")
    notifications = deploy_all(settings)
    console.print(f"deployed; {len(notifications)} automations notify", highlight=False)


@app.command()
def doctor() -> None:
    """Check this machine: each line is ok, or says what to do."""
    failed = False
    for check in examine(load_settings()):
        failed = failed or not check.ok
        mark = "[green]ok[/]  " if check.ok else "[yellow]look[/]"
        advice = "" if check.ok else f": {check.advice}"
        console.print(f"{mark} {check.name}: {check.seen}{advice}", highlight=False, soft_wrap=True)
    if failed:
        console.print("Lines marked [yellow]look[/] limit what a run can do; the other lines are fine.")


def parse_choices(option: str, choices: list[str], form: type[Form]) -> Form:
    """Return the form with these choices, the others as usual.

    Args:
        option: by which they were given.
        choices: NAME=VALUE each.
        form: what they are fields of.

    Raises:
        PipelineError: a choice is not of that form, or names a field or a value that there is not.
    """
    pairs = [choice.partition("=")[::2] for choice in choices]
    try:
        return form.model_validate({name.strip(): value.strip() for name, value in pairs})
    except ValidationError as error:
        raise PipelineError(
            f"got {option} {' '.join(choices)}: {describe_faults(error, option)}; expected NAME=VALUE with a name of "
            f"{', '.join(form.model_fields)}"
        ) from error


def _print_verdict(verdict: Path) -> None:
    print_data(DataSummary.model_validate_json((verdict / SUMMARY_NAME).read_text()), verdict / VERDICT_PAGE)


@contextmanager
def _server() -> Iterator[str]:
    """Have a Prefect server for the length of the block, whose URL it gets, and its logs delivered before it ends."""
    settings = load_settings()
    with prefect_server(settings.workspace, settings.server_start_seconds) as url:
        try:
            yield url
        finally:
            for name in ("prefect.flow_runs", "prefect.task_runs"):
                for handler in logging.getLogger(name).handlers:
                    handler.flush()


def _use_server(settings: Settings) -> bool:
    """Let prefect use the server in PREFECT_API_URL, else the one that is kept up; return whether there is one."""
    os.environ.update({**RUN_ENVIRONMENT, **auth_environment(settings)})
    url = os.environ.get(API_URL_VARIABLE) or find_kept_server(settings.workspace)
    if url:
        os.environ[API_URL_VARIABLE] = url
    return bool(url)


def _absolute(source: str) -> str:
    """Return a path that the worker, which is elsewhere, finds too; other sources and names as they are."""
    location, mark, pin = source.partition("#")
    return f"{Path(location).resolve()}{mark}{pin}" if location and Path(location).exists() else source


if __name__ == "__main__":
    main()
