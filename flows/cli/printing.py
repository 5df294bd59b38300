"""Terminal output of the `emotion` command: findings, the comparison table, and what to do next."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from data.records.dataset import DataSummary, Finding
from data.records.label_audit import LabelAudit
from data.records.run import RunResults
from data.records.search import SearchRecord
from data.records.training import VariantResult
from data.records.votes import Crowd, VotesMatch
from data.votes.wording import TABLE_HEAD, TABLE_NOTE, crowd_sentences, crowd_table, match_sentence
from data.workspace.prune import KindCount
from flows.cli.last_run import RunLine
from flows.cli.terminal import console
from flows.server.password import password_path, workspace_login
from flows.service.schedule import ScheduleChoice
from flows.service.supervisor import PartState
from flows.service.up import UpRecord
from flows.settings import Settings
from reports.common.formatting import MISSING

BEST_TRIALS = 10

PART_TITLES = {
    "server": "Prefect",
    "reports": "reports",
    "serve": "expressions",
    "review": "review of labels",
    "mlflow": "MLflow",
}

MARKS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def print_data(summary: DataSummary, page: Path) -> None:
    """Print the findings of validation, the counts, and which images were set aside."""
    table = Table(title=f"Data quality of {escape(summary.source)}", title_justify="left", box=SIMPLE)
    for heading in ("", "rule", "as published", "after cleaning"):
        table.add_column(heading)
    after = {finding.rule: finding for finding in summary.after.findings}
    for finding in summary.before.findings:
        later = after.get(finding.rule)
        table.add_row(_outcome(finding), finding.rule, escape(finding.message), _outcome(later) if later else "")
    console.print(table)
    for name, count in _duplicate_counts(summary):
        console.print(f"  {name}: [bold]{count}[/]", highlight=False)
    for quarantined in summary.quarantine:
        console.print(f"  set aside, {escape(quarantined.reason)}: [bold]{quarantined.images}[/]", highlight=False)
    if summary.crowd and summary.votes:
        _print_crowd(summary.crowd, summary.votes)
    console.print(f"[bold]Verdict:[/] {escape(str(page))}", soft_wrap=True)


def _print_crowd(crowd: Crowd, match: VotesMatch) -> None:
    """Print how well people agree with the labels, by class."""
    for sentence in (*crowd_sentences(crowd), match_sentence(match)):
        console.print(escape(sentence), highlight=False)
    table = Table(box=SIMPLE)
    for heading in TABLE_HEAD:
        table.add_column(heading, justify="right" if heading != TABLE_HEAD[0] else "left")
    for row in crowd_table(crowd):
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(TABLE_NOTE, highlight=False)


def print_results(results: RunResults, report: Path) -> None:
    """Print the comparison table, the report's path, and what to do next."""
    from reports.run.sections.champion import OUTCOMES

    console.print()
    console.print(_comparison_table(results))
    for variant in results.variants:
        if variant.status != "trained":
            console.print(
                f"[yellow]{variant.status}[/] {escape(variant.name)}: {escape(variant.reason)}", highlight=False
            )
    _print_spreads(results)
    if results.decision:
        console.print(f"{OUTCOMES[results.decision.outcome]}: {escape(results.decision.summary)}", highlight=False)
    if results.data.synthetic:
        console.print(
            "[yellow]Synthetic data: these figures show that the pipeline works, and nothing about real faces.[/]"
        )
    console.print(f"\n[bold]Report:[/] {escape(str(report / 'index.html'))}", soft_wrap=True)
    console.print("[bold]Next:[/] open the report in a browser, then train on your own images:")
    console.print("  .venv/bin/emotion run --source PATH_OR_URL_OR_DRIVE_ID    (emotion run --help, emotion doctor)")


def _print_spreads(results: RunResults) -> None:
    """Print the spread over seeds of each repeated variant, and what it means."""
    from reports.run.seed_spreads import seed_spreads

    spreads = [spread for spread in seed_spreads(results) if spread.trained]
    for spread in spreads:
        console.print(f"{escape(spread.name)}, validation over seeds: [bold]{spread.cell}[/]", highlight=False)
    if spreads:
        console.print("Mean ± standard deviation (seeds): the spread of training, on the same images.")


def print_audit(audit: LabelAudit, directory: Path) -> None:
    """Print how many labels of each class are suspected to be wrong, and where to correct them."""
    from data.workspace.layout import SUSPECTS_NAME
    from reports.dataset.label_audit_page import AUDIT_PAGE_NAME, audit_sentences

    for sentence in audit_sentences(audit):
        console.print(escape(sentence), highlight=False)
    if not audit.images:
        return
    table = Table(box=SIMPLE)
    for heading in ("label", "images", "suspected"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for row in zip(audit.labels, audit.images_per_class, audit.suspected_per_class, strict=True):
        table.add_row(*map(str, row))
    console.print(table)
    console.print(f"[bold]Suspects:[/] {escape(str(directory / SUSPECTS_NAME))}", soft_wrap=True)
    console.print(f"[bold]Pictures:[/] {escape(str(directory / AUDIT_PAGE_NAME))}", soft_wrap=True)


def print_search(search: SearchRecord, preset: Path, measure: str) -> None:
    """Print the best trials, how reliable they are, and the command that measures the winner."""
    from reports.tuning import search_sentences, trial_rows

    rows = trial_rows(search)[:BEST_TRIALS]
    table = Table(title=f"Trials of {escape(search.variant)} by selection accuracy", title_justify="left", box=SIMPLE)
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in ("state", "optimizer") else "right")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    console.print(table)
    for sentence in search_sentences(search):
        console.print(escape(sentence), highlight=False)
    console.print(f"[bold]Preset:[/] {escape(str(preset))}", soft_wrap=True)
    console.print("[bold]Next:[/] measure the winner on validation; its training is already in the workspace:")
    console.print(f"  {escape(measure)}", highlight=False, soft_wrap=True)


def print_pruned(counts: Sequence[KindCount], dry_run: bool) -> None:
    """Print for each kind what was removed or would be, how much space that frees, and why the rest stays."""
    table = Table(title="What would be removed" if dry_run else "What was removed", title_justify="left", box=SIMPLE)
    for heading in ("kind", "to remove" if dry_run else "removed", "MB freed", "kept", "MB", "because of"):
        table.add_column(heading, justify="left" if heading in ("kind", "because of") else "right")
    for count in counts:
        reasons = ", ".join(f"{reason} {number}" for reason, number in count.kept_for.items())
        table.add_row(
            escape(count.kind),
            str(count.removed),
            f"{count.removed_bytes / 1e6:.1f}",
            str(count.kept),
            f"{count.kept_bytes / 1e6:.1f}",
            escape(reasons),
        )
    console.print(table)
    if freed := sum(count.removed_bytes for count in counts):
        console.print(f"[bold]{'Would free' if dry_run else 'Freed'}:[/] {freed / 1e6:.1f} MB", highlight=False)


def print_up(record: UpRecord, schedule: ScheduleChoice, settings: Settings) -> None:
    """Print the address of each part, how to log in, the schedule and the notifications."""
    for name, address in record.addresses.items():
        console.print(f"  [bold]{PART_TITLES.get(name, name):16}[/] {escape(address)}", highlight=False, soft_wrap=True)
    print_login(settings)
    print_schedule(schedule)
    print_notifications(record)


def print_login(settings: Settings) -> None:
    """Print the password on a terminal, and elsewhere where it stands: what goes to a file or a log has no secret."""
    chosen = {"Prefect, the reports and the expressions": settings.prefect_auth, "MLflow": settings.mlflow_auth}
    unset = [parts for parts, login in chosen.items() if not login.get_secret_value()]
    if not unset:
        console.print("log in: with EMOTION_PREFECT_AUTH, and with EMOTION_MLFLOW_AUTH to MLflow", highlight=False)
        return
    path = password_path(settings.workspace)
    where = f"user and password are in {path}"
    what = workspace_login(settings.workspace) if console.file.isatty() else where
    only = f" to {unset[0]}" if len(unset) == 1 else ""
    hint = "" if unset == ["MLflow"] else "; Prefect asks for both in one, as they stand"
    console.print(f"log in{only}: {escape(what)}{hint}", highlight=False, soft_wrap=True)


def print_parts(record: UpRecord, states: Iterable[PartState]) -> None:
    """Print each part with its state, the start of that state, and its address."""
    table = Table(box=SIMPLE)
    for heading in ("part", "state", "since", "address"):
        table.add_column(heading)
    for part in states:
        since = datetime.fromtimestamp(part.started_seconds).astimezone() if part.state == "RUNNING" else None
        mark = "green" if since else "yellow"
        shown = f"{since:%Y-%m-%d %H:%M:%S %z}" if since else escape(part.description)
        state = f"[{mark}]{part.state.lower()}[/]"
        table.add_row(PART_TITLES.get(part.name, part.name), state, shown, escape(record.addresses.get(part.name, "")))
    console.print(table)


def print_schedule(choice: ScheduleChoice) -> None:
    """Print whether flows run on a schedule."""
    source = f", on {escape(choice.source)}" if choice.source else ""
    source += f", preset {escape(choice.preset)}" if choice.preset else ""
    source += ", the faces of its photos are found" if choice.faces == "find" else ""
    source += f"; photos {escape(choice.photos)} are scored daily" if choice.photos else ""
    off = "off: after emotion schedule on, retrain runs weekly and ingest daily"
    console.print(f"schedule: {f'on{source}' if choice.on else off}", highlight=False, soft_wrap=True)


def print_notifications(record: UpRecord) -> None:
    """Print which events are notified, or how to switch notifications on."""
    none = "none: EMOTION_NOTIFY_BLOCK names the Prefect block to notify, such as slack-webhook/team"
    what = "; ".join(name.removeprefix("emotion: ") for name in record.notifications)
    console.print(f"notifications: {escape(what or none)}", highlight=False, soft_wrap=True)


def print_last_run(run: RunLine | None) -> None:
    """Print the run that started last."""
    what = f"{run.flow}/{run.name}, {run.state}, {run.when:%Y-%m-%d %H:%M:%S %z}" if run else "none yet"
    console.print(f"last run: {escape(what)}", highlight=False, soft_wrap=True)


def _comparison_table(results: RunResults) -> Table:
    table = Table(
        title=f"{escape(results.run_name)}: variants by validation accuracy", title_justify="left", box=SIMPLE
    )
    has_test = any("test" in variant.parts for variant in results.variants)
    headings = ("variant", "validation (95 % interval)", *(["test"] if has_test else []), "core-s", "epochs", "memory")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for variant in results.variants:
        table.add_row(escape(variant.name), *_comparison_cells(variant, has_test))
    return table


def _comparison_cells(variant: VariantResult, has_test: bool) -> list[str]:
    if variant.status != "trained":
        return [f"[yellow]{variant.status}[/]"]
    validation, test = variant.parts["validation"], variant.parts.get("test")
    return [
        f"{validation.accuracy:.1%} ({100 * validation.accuracy_low:.1f} to {100 * validation.accuracy_high:.1f})",
        *([f"{test.accuracy:.1%}" if test else MISSING] if has_test else []),
        f"{variant.core_seconds:.0f}",
        f"{variant.best_epoch} of {len(variant.epochs)}" if variant.epochs else MISSING,
        f"{variant.peak_memory_bytes / 2**30:.1f} GiB",
    ]


def _outcome(finding: Finding) -> str:
    return "[green]ok[/]" if finding.success else f"[{MARKS[finding.severity]}]{finding.severity}[/]"


def _duplicate_counts(summary: DataSummary) -> list[tuple[str, int]]:
    return [
        ("duplicate groups", summary.duplicate_groups),
        ("duplicate groups across splits", summary.duplicate_groups_across_splits),
        ("train images that are also in validation or test", summary.leaking_train_images),
        ("images under two or more labels", summary.label_conflict_images),
        ("groups of near duplicates (one picture, different pixels)", summary.near_duplicate_groups),
        ("groups of near duplicates across splits", summary.near_duplicate_groups_across_splits),
        ("further train images with a near duplicate in validation or test", summary.near_leaking_train_images),
        ("blank images", summary.blank_images),
        ("undecodable images", summary.undecodable_images),
    ]
