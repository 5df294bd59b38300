"""Commands of `emotion`: runs, searches and reports; `flows.cli` lists the modules with the others.

Every command imports this module, so each imports what it needs by itself: `emotion --help` and a mistyped option
answer at once.
"""

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from data.base.errors import DataRejected, PipelineError
from data.workspace.run_results import read_results
from flows.cli.champion.commands import app as champion_app
from flows.cli.model_commands import app as models_app
from flows.cli.options import (
    PRESET_HELP,
    AuditAnswersOption,
    CarveTestOption,
    ColorOption,
    FacesOption,
    FoldsOption,
    ForceOption,
    FormatOption,
    FormatOptions,
    ImageSizeOption,
    LabelsOption,
    LimitOption,
    MinutesOption,
    ParallelOption,
    PlainOption,
    PolicyOption,
    PoolOption,
    PromotionOption,
    RelabelOption,
    RepeatsOption,
    SeedOption,
    SeedsOption,
    SourceOption,
    TargetOption,
    TimeBudgetOption,
    TrialMinutesOption,
    TrialsOption,
    TruthOption,
    VotesOption,
    check_source,
    parse_choices,
    parse_data_choices,
)
from flows.cli.review.commands import app as review_app
from flows.cli.store.commands import app as store_app
from flows.cli.terminal import console
from flows.cli.up_commands import app as up_app
from flows.cli.upkeep_commands import app as upkeep_app
from flows.cli.upkeep_commands import running_server

app = typer.Typer(
    name="emotion",
    help="Retrain facial-expression classifiers: from a data set to a compared, explained model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(champion_app)
app.add_typer(review_app)
app.add_typer(up_app)
app.add_typer(upkeep_app)
app.add_typer(models_app, name="models")
app.add_typer(store_app, name="store")


@app.command()
def run(
    source: SourceOption = "sample",
    preset: Annotated[str, typer.Option(help=f"Which variants, views and recipes: {PRESET_HELP}")] = "quick",
    variants: Annotated[str, typer.Option(help="Comma-separated variants, instead of the preset's own.")] = "",
    parallel: ParallelOption = 0,
    time_budget: TimeBudgetOption = 0,
    seed: SeedOption = 42,
    seeds: SeedsOption = 1,
    relabel: RelabelOption = "",
    votes: VotesOption = "",
    target: TargetOption = "preset",
    truth: TruthOption = "published",
    policy: PolicyOption = [],  # noqa: B006 - Typer wants a concrete default; never changed
    limit: LimitOption = [],  # noqa: B006
    format_name: FormatOption = "seed",
    labels: LabelsOption = "",
    image_size: ImageSizeOption = 0,
    color: ColorOption = "as published",
    carve_test: CarveTestOption = False,
    faces: FacesOption = "given",
    promotion: PromotionOption = [],  # noqa: B006
    on: PoolOption = "",
    force: ForceOption = False,
    plain: PlainOption = False,
) -> None:
    """Retrain the variants of a preset on a data set and publish their comparison."""
    from flows.cli.printing import print_results
    from flows.steps.votes_check import check_votes
    from models.catalog.presets import load_preset, with_target
    from models.catalog.seeds import training_seeds
    from models.catalog.variants import VARIANTS, find_variant
    from models.promotion.policy import PromotionPolicy

    names = [name.strip() for name in variants.split(",") if name.strip()]
    for name in names:
        find_variant(name)
    chosen = with_target(load_preset(preset), target)
    check_votes(votes, chosen, names or chosen.variants, truth)
    source = check_source(source)
    training_seeds(seed, seeds)
    choices = parse_data_choices(policy, limit, FormatOptions(format_name, labels, image_size, color, carve_test))
    policy_of_promotion = parse_choices("--promotion", promotion, PromotionPolicy)
    with running_server():
        from flows.cli.live_view import (  # after the server: prefect reads its settings when imported
            find_terminal,
            live_view,
        )
        from flows.retrain import retrain

        with live_view(None if plain else find_terminal()):
            report: Any = retrain(
                source=source,
                preset=preset,
                variants=[name for name in names if name in VARIANTS],  # type: ignore[arg-type]  # names of the table
                own_variants=[name for name in names if name not in VARIANTS],
                parallel=parallel,
                time_budget_minutes=time_budget,
                seed=seed,
                seeds=seeds,
                relabel=relabel,
                votes=votes,
                target=target,
                truth=truth,
                **choices,
                faces=faces,
                promotion=policy_of_promotion,
                on=on,
                force=force,
            )
    print_results(read_results(report), report)


@app.command()
def ingest(
    source: SourceOption = "sample",
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    votes: VotesOption = "",
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    format_name: FormatOption = "seed",
    labels: LabelsOption = "",
    image_size: ImageSizeOption = 0,
    color: ColorOption = "as published",
    carve_test: CarveTestOption = False,
    faces: FacesOption = "given",
    force: ForceOption = False,
) -> None:
    """Download and validate a data set; nothing is trained."""
    source = check_source(source)
    choices = parse_data_choices(policy, limit, FormatOptions(format_name, labels, image_size, color, carve_test))
    try:
        with running_server():
            from flows.ingest import ingest as ingest_flow

            verdict: Any = ingest_flow(
                source=source, seed=seed, relabel=relabel, votes=votes, force=force, faces=faces, **choices
            )
    except DataRejected as rejected:
        if rejected.verdict:
            _print_verdict(rejected.verdict)
        raise
    _print_verdict(verdict)


@app.command()
def audit(
    source: SourceOption = "sample",
    folds: FoldsOption = 3,
    variant: Annotated[str, typer.Option(help="The network that judges the labels.")] = "compact",
    preset: Annotated[str, typer.Option(help=f"Its views and recipe: {PRESET_HELP}")] = "quick",
    parallel: ParallelOption = 0,
    time_budget: TimeBudgetOption = 0,
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    votes: VotesOption = "",
    answers: AuditAnswersOption = "",
    repeats: RepeatsOption = 1,
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    format_name: FormatOption = "seed",
    labels: LabelsOption = "",
    image_size: ImageSizeOption = 0,
    color: ColorOption = "as published",
    carve_test: CarveTestOption = False,
    faces: FacesOption = "given",
    force: ForceOption = False,
) -> None:
    """List the labels of a data set that are suspected to be wrong, including those of the train part."""
    from data.records.label_audit import LabelAudit
    from flows.cli.printing import print_audit
    from models.catalog.presets import load_preset
    from models.catalog.variants import find_variant

    find_variant(variant)
    load_preset(preset)
    source = check_source(source)
    choices = parse_data_choices(policy, limit, FormatOptions(format_name, labels, image_size, color, carve_test))
    with running_server():
        from flows.audit import audit as audit_flow

        directory: Any = audit_flow(
            source=source,
            folds=folds,
            variant=variant,  # type: ignore[arg-type]  # a known name, as just checked
            preset=preset,
            parallel=parallel,
            time_budget_minutes=time_budget,
            seed=seed,
            relabel=relabel,
            votes=votes,
            answers=answers,
            repeats=repeats,
            faces=faces,
            **choices,
            force=force,
        )
    from data.workspace.layout import AUDIT_NAME

    print_audit(LabelAudit.model_validate_json((directory / AUDIT_NAME).read_bytes()), directory)


@app.command()
def tune(
    source: SourceOption = "sample",
    variant: Annotated[str, typer.Option(help="The network whose recipe is searched.")] = "compact",
    preset: Annotated[str, typer.Option(help=f"Its views and the recipe to start from: {PRESET_HELP}")] = "quick",
    trials: TrialsOption = 20,
    minutes: MinutesOption = 60,
    trial_minutes: TrialMinutesOption = 3,
    space: Annotated[
        str, typer.Option(help="What to try instead of the default: JSON, or the path of a JSON file.")
    ] = "",
    parallel: ParallelOption = 0,
    seed: SeedOption = 42,
    relabel: RelabelOption = "",
    votes: VotesOption = "",
    policy: PolicyOption = [],  # noqa: B006
    limit: LimitOption = [],  # noqa: B006
    format_name: FormatOption = "seed",
    labels: LabelsOption = "",
    image_size: ImageSizeOption = 0,
    color: ColorOption = "as published",
    carve_test: CarveTestOption = False,
    faces: FacesOption = "given",
    force: ForceOption = False,
    out: Annotated[str, typer.Option(help="A new file for the preset that is found.")] = "",
) -> None:
    """Search a variant's recipe on the selection part and write the best one found as a preset file."""
    from data.records.search import PRESET_NAME, SEARCH_NAME, SearchRecord
    from flows.cli.printing import print_search
    from flows.settings import load_settings
    from flows.steps.search_budget import check_search
    from models.catalog.presets import load_preset
    from models.catalog.variants import find_variant
    from models.search.space import load_space

    find_variant(variant)
    load_preset(preset)
    source = check_source(source)
    check_search(minutes, trial_minutes, out, load_settings().workspace)
    parameters: dict[str, Any] = {
        "source": source,
        "seed": seed,
        "relabel": relabel,
        "votes": votes,
        "faces": faces,
        **parse_data_choices(policy, limit, FormatOptions(format_name, labels, image_size, color, carve_test)),
    }
    searched = load_space(space)
    with running_server():
        from flows.steps.repeat_command import repeat_command
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
    print_search(SearchRecord.model_validate_json((directory / SEARCH_NAME).read_bytes()), found, measure)


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="A report's key or its beginning, a run's name, or last.")] = "last",
    compare: Annotated[str, typer.Option(help="A second run: write what changed between the two runs instead.")] = "",
    out: Annotated[
        str,
        typer.Option(help="New or empty directory to write into; by default one in the workspace."),
    ] = "",
    pdf: Annotated[
        bool, typer.Option("--pdf", help="Also print the page as a PDF, with an installed Chromium.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser of this desktop.")] = False,
) -> None:
    """Render a run's report again from stored results, or compare two runs; nothing is trained."""
    from flows.cli.report_commands import COMPARED_PDF, REPORT_PDF, compare_again, finish_rendered, render_again
    from flows.settings import load_settings
    from reports.common.pdf import find_browser, print_pdf

    workspace = load_settings().workspace
    browser = find_browser() if pdf else None
    page = compare_again(workspace, run, compare, out) if compare else render_again(workspace, run, out)
    console.print(f"[bold]{'Comparison' if compare else 'Report'}:[/] {escape(str(page))}", soft_wrap=True)
    if browser:
        printed = page.with_name(COMPARED_PDF if compare else REPORT_PDF)
        print_pdf(page, printed, browser)
        console.print(f"[bold]PDF:[/] {escape(str(printed))}", soft_wrap=True)
    finish_rendered(workspace, page)
    if show and not webbrowser.open(page.as_uri()):
        raise PipelineError(f"found no browser on this machine: open {page} yourself")


def _print_verdict(verdict: Path) -> None:
    from data.records.dataset import DataSummary
    from data.workspace.layout import SUMMARY_NAME
    from flows.cli.printing import print_data
    from reports.dataset.verdict_page import VERDICT_PAGE

    print_data(DataSummary.model_validate_json((verdict / SUMMARY_NAME).read_bytes()), verdict / VERDICT_PAGE)
