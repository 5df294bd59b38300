"""Commands in the pages of the documentation, and a parser of `emotion` commands that runs nothing."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer.main

from data.base.paths import PROJECT_ROOT
from flows.cli.commands import app

PAGES = [
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    PROJECT_ROOT / "deploy" / "kubernetes" / "README.md",
    *sorted((PROJECT_ROOT / "docs").glob("*.md")),
]

_BLOCK = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_COMMENT = re.compile(r"(?:^|\s+)#(?:\s.*)?$")
_FRAME = re.compile("[\u2500-\u257f]+")
_PROGRAM = re.compile(r"(?:\w+=\S* +)*(?:\.venv/bin/)?(emotion|make|python -m)(?= |$)(.*)")


class DocCommand(NamedTuple):
    """A command of a page; `words` are those after the program."""

    program: str
    words: list[str]
    line: str
    in_block: bool


class WrongCommand(Exception):
    """A command that the `emotion` command refuses, with what it says."""


def page_name(page: Path) -> str:
    """Return the path of a page below the repository's root."""
    return page.relative_to(PROJECT_ROOT).as_posix()


def find_commands(text: str) -> list[DocCommand]:
    """List the commands of a page: the lines of its code blocks first, then those in its running text."""
    lines = [line for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    found = [_read_command(_COMMENT.sub("", line).strip(), in_block=True) for line in lines]
    found += [_read_command(span, in_block=False) for span in find_spans(text)]
    return [command for command in found if command]


def find_spans(text: str) -> list[str]:
    """List the code in the running text of a page, without its code blocks."""
    return [" ".join(span.split()) for span in _SPAN.findall(_BLOCK.sub("", text))]


def find_options(text: str) -> list[list[str]]:
    """List the options in the running text of a page, each as words: its name, and its value if it has one."""
    return [shlex.split(span) for span in find_spans(text) if span.startswith("--")]


def list_commands() -> dict[str, Any]:
    """Return every command of `emotion` by its name, such as `models list`."""
    return dict(_walk(typer.main.get_command(app), ""))


def names_commands(words: list[str]) -> bool:
    """Return whether the words are nothing but the name of a command, or of a group of commands."""
    return not words or any(f"{name} ".startswith(" ".join(words) + " ") for name in list_commands())


def parse_words(words: list[str]) -> dict[str, Any]:
    """Parse words as `emotion` does, without running the command's function.

    Returns:
        The parameters of the command; none for --help.

    Raises:
        WrongCommand: the command, an option or a value does not exist.
    """
    parameters: dict[str, Any] = {}
    program, said = typer.main.get_command(app), io.StringIO()
    for _, command in _walk(program, ""):
        command.callback = lambda **given: parameters.update(given)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            program.main(list(words), prog_name="emotion")
        except SystemExit as ended:
            if ended.code:
                raise WrongCommand(" ".join(_FRAME.sub(" ", said.getvalue()).split())) from ended
    return parameters


def _read_command(line: str, in_block: bool) -> DocCommand | None:
    if not (found := _PROGRAM.fullmatch(line)):
        return None
    return DocCommand(found[1], shlex.split(found[2]), line, in_block)


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
    for child_name, child in (children or {}).items():
        yield from _walk(child, f"{name} {child_name}".strip())
