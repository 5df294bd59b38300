"""Work of `emotion predict`: the network is loaded, the photos are answered, and the progress is shown."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from data.workspace.store import Workspace
from flows.cli.champion.predict_outputs import OutputChoice, open_outputs
from flows.cli.champion.predict_rows import Tally, describe_network
from flows.cli.terminal import console, error_console
from flows.settings import load_settings
from flows.steps.chosen_version import choose_version
from models.export import find
from serving.answers import FaceMode
from serving.predictor import PictureAnswer, Predictor
from serving.sources import SourceOptions, count_photos

EXIT_NONE_READ = 1
EXIT_SOME_NOT_READ = 3

NOTE_SECONDS = 30
"""Time between two lines on the progress where there is no terminal."""


def load_predictor(chosen: str, export: str, mode: FaceMode) -> Predictor:
    """Load the network that a person chose.

    Args:
        chosen: a version of the registered model emotion (a number, champion or challenger), another registered
            model, or both as NAME/VERSION.
        export: directory of an export; if it is given, `chosen` does not count.
        mode: how faces are looked for.

    Raises:
        PipelineError: there is no such version, or it was not exported.
    """
    if export:
        return Predictor.load(export, faces=mode)
    settings = load_settings()
    name, number = choose_version(chosen, settings.workspace)
    found, directory = find.champion_export(settings.workspace, name, number)
    if found and directory is None:
        make_missing_export(found, name, settings.open_workspace())
    return Predictor.champion(settings.workspace, name, number, mode)


def make_missing_export(version: int, name: str, workspace: Workspace) -> None:
    """Export a version that has none, as `emotion export` does, and say so.

    Raises:
        PipelineError: its training is no longer in the workspace, or it cannot be exported.
    """
    error_console.print(
        f"Version {version} of {name} has no export yet: making one, which takes a minute or more.", highlight=False
    )
    from tasks.publish.export import export_version  # imports Prefect
    from tasks.support.child_processes import training_children

    with training_children() as children:
        export_version(version, workspace, children, name)


def answer_sources(predictor: Predictor, given: Sequence[str], every_seconds: float, choice: OutputChoice) -> int:
    """Answer photos, hand the answers to the outputs, and say what they were together.

    Returns:
        The exit status: 0, or whether some photos or all of them could not be read.
    """
    options, tally = SourceOptions(every_seconds=every_seconds), Tally()
    answers = predictor.predict_with_pictures(given, options, pictures=bool(choice.out))
    with ExitStack() as stack:
        outputs = open_outputs(stack, choice, predictor.bundle)
        for one in _show_progress(answers, given, options, shown=not choice.prints_table):
            for output in outputs:
                output.add(one)
            tally.add(one.answer)
    last = error_console if choice.json or choice.csv == "-" else console
    written = [f"Written: {place}" for place in (choice.csv, choice.out) if place not in ("", "-")]
    for line in (tally.describe(), describe_network(predictor.bundle, predictor.version), *written):
        last.print(line, highlight=False, markup=False, soft_wrap=True)
    if not tally.refused:
        return 0
    return EXIT_NONE_READ if tally.refused == tally.photos else EXIT_SOME_NOT_READ


def _show_progress(
    answers: Iterable[PictureAnswer], given: Sequence[str], options: SourceOptions, shown: bool
) -> Iterator[PictureAnswer]:
    """Pass answers on, and show on standard error how far they are, unless the rows of the table show it."""
    if shown and error_console.is_terminal:
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("photos"), TimeRemainingColumn())
        with Progress(*columns, console=error_console, transient=True) as progress:
            yield from progress.track(answers, total=count_photos(given, options))
    elif shown or not console.is_terminal:
        yield from _note_progress(answers)
    else:
        yield from answers


def _note_progress(answers: Iterable[PictureAnswer]) -> Iterator[PictureAnswer]:
    """Pass answers on, and write a line now and then."""
    started = noted = time.monotonic()
    for number, answer in enumerate(answers, start=1):
        yield answer
        now = time.monotonic()
        if now - noted > NOTE_SECONDS:
            noted = now
            error_console.print(f"{number} photos, {number / (now - started):.1f} a second", highlight=False)
