"""What `emotion score` does: run the flow, and print what was counted."""

from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from flows.cli.terminal import console
from flows.cli.upkeep_commands import running_server
from flows.steps.photos import check_mode, locate_photos


class ScoreRequest(NamedTuple):
    """Arguments of the command, as they were given."""

    source: str
    out: str
    faces: str
    model: str
    export: str
    again: bool


def score_and_print(asked: ScoreRequest) -> None:
    """Score a source by a run of the flow `score`, and print its counts and where the table is.

    Raises:
        PipelineError: the source or the network does not exist.
    """
    source, faces = locate_photos(asked.source), check_mode(asked.faces)
    with running_server():
        from flows.score import score  # after the server: prefect reads its settings when imported

        directory: Any = score(
            source=source,
            model=asked.model,
            export=_absolute(asked.export),
            faces=faces,
            again=asked.again,
            out=_absolute(asked.out),
        )
    print_scores(directory, Path(asked.out) if asked.out else directory)


def print_scores(directory: Path, shown: Path) -> None:
    """Print the counts of scores.

    Args:
        directory: of the scores.
        shown: folder that is named as theirs: the same, or that of a copy.
    """
    from data.records.scores import SCORES_CSV, SUMMARY_NAME, ScoreSummary
    from reports.scores import SCORES_PAGE, count_rows, drift_sentence, score_sentences

    summary = ScoreSummary.model_validate_json((directory / SUMMARY_NAME).read_bytes())
    table = Table(box=SIMPLE)
    rows = count_rows(summary)
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    console.print(table)
    for sentence in (*score_sentences(summary), drift_sentence(summary.drift)):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    console.print(f"[bold]Scores:[/] {escape(str(shown / SCORES_CSV))}", soft_wrap=True)
    console.print(f"[bold]Page:[/] {escape(str(shown / SCORES_PAGE))}", soft_wrap=True)


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""
