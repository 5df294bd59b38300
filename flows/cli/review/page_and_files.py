"""What `emotion review` does: the page on which people correct labels, and its results as files."""

from pathlib import Path
from typing import NamedTuple

from rich.markup import escape

from data.base.errors import PipelineError
from flows.cli.terminal import console

MOST_NAMED = 3


class ReviewRequest(NamedTuple):
    """Options of the command, as they were given."""

    host: str
    port: int
    export: str
    file: str
    reviewer: str


def review_labels(request: ReviewRequest) -> None:
    """Import or export answers, or show the page until Ctrl-C.

    Raises:
        PipelineError: a reviewer is named without a file, there is no audit, a file cannot be used, the port is
            taken, or the address needs a token.
    """
    from flows.settings import load_settings

    if request.reviewer and not request.file:
        raise PipelineError(
            f"got --reviewer {request.reviewer} without --import, whose answers it names: an export has the answers of "
            "all people, and the page asks who answers; leave --reviewer out"
        )
    workspace = load_settings().workspace.resolve()
    if request.file:
        import_file(workspace, Path(request.file), request.reviewer)
    if request.export:
        export_files(workspace, Path(request.export))
    if not (request.file or request.export):
        show_page(request)


def import_file(workspace: Path, file: Path, reviewer: str) -> None:
    """Add what is new in a file, and print how much of it is whose, and what was left out."""
    from data.review.exchange import import_answers
    from data.review.reviewers import check_name

    found = import_answers(workspace, file, check_name(reviewer) if reviewer else "")
    for name, lines in found.lines.items():
        console.print(f"Answers of [bold]{escape(name)}[/]: {len(lines):,}", highlight=False)
    if found.unchanged:
        console.print(f"Known already, not added again: {found.unchanged:,}", highlight=False)
    if found.older:
        console.print(f"Left out, older than what the person says now: {found.older:,}", highlight=False)
    for what, left_out in (("images", found.unknown_images), ("words", found.unknown_answers)):
        if left_out:
            named = ", ".join(left_out[:MOST_NAMED]) + (" and others" if len(left_out) > MOST_NAMED else "")
            console.print(f"[yellow]Left out[/], unknown {what}: {len(left_out):,} ({escape(named)})", highlight=False)


def export_files(workspace: Path, folder: Path) -> None:
    """Write the results, and print what they are for."""
    from data.review.exchange import export_reviews
    from reports.common.formatting import plural

    made = export_reviews(workspace, folder)
    console.print(
        f"{plural(made.pictures, 'image')} with answers of {made.people} {'person' if made.people == 1 else 'people'}"
        + (f"; left out: {plural(made.elsewhere, 'answer')} on images of other data sets" if made.elsewhere else ""),
        highlight=False,
    )
    for title, path in (
        (
            f"{plural(made.decided, 'decided label')}, {made.changed:,} of them changed, for emotion run --relabel:",
            made.relabel,
        ),
        ("votes, a column an answer:", made.votes),
        ("tasks for Label Studio:", made.tasks),
    ):
        console.print(f"{title} {escape(str(path))}", highlight=False, soft_wrap=True)
    if made.feedback:
        console.print(f"{plural(made.feedback, 'face')} of feedback in the folders of their classes", highlight=False)


def show_page(request: ReviewRequest) -> None:
    """Show the page until Ctrl-C."""
    from flows.service.parts import taken_by
    from flows.service.review_site import make_server
    from flows.service.serve_site import Place, log_to_stderr, read_token, require_safe_place
    from flows.settings import load_settings
    from serving.review.desk import Desk

    settings = load_settings()
    token = read_token(settings, "review_token")
    host, port = request.host or settings.host, request.port or settings.review_port
    place = Place(host, port, [token] if token else [], settings.listed_host_names())
    require_safe_place(place, "EMOTION_REVIEW_TOKEN")
    if taken := taken_by(place.host, place.port):
        raise PipelineError(f"got port {place.port} on {place.host}, which {taken} has already: choose another --port")
    log_to_stderr()
    console.print(
        f"[bold]Review at[/] http://{escape(place.host)}:{place.port} "
        f"({'with the token' if token else 'without a token'}); Ctrl-C ends it.",
        highlight=False,
        soft_wrap=True,
    )
    try:
        make_server(Desk(settings.workspace), place).run()
    except KeyboardInterrupt:
        console.print("ended")
