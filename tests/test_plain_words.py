"""Tests that no text of the project has a phrase that is not plain, or a number without its leading zero.

codespell refuses single words (`docs/plain_words.txt`); it cannot search for phrases. CHANGELOG.md keeps its history.
"""

import io
import re
import tokenize

import pytest

from data.base.paths import PROJECT_ROOT
from data.workspace.digests import ROOMS

PLACES = (*ROOMS, "benchmarks", "deploy", "docs", "tests")
ROOT_FILES = ("README.md", "CONTRIBUTING.md", "Makefile", "prefect.yaml", "pyproject.toml")
SUFFIXES = (".py", ".md", ".html", ".yaml", ".service")

PLAIN = {
    "for want of": "because ... is missing",
    "in vain": "without success",
    "of late": "recently",
    "nobody is told": "telemetry is off",
    "lets? be": "keeps",
    "lets? (?:it|them) be": "keeps",
    "keeps? house": "prune",
    "(?:go|goes|gone|going) on with": "continue",
    "(?:make|makes|made|making) again": "rebuild",
    "all the same[,.;:]": "anyway",
    "of (?:ours|theirs)": "our, their",
    "beyond doubt": "certain, significant",
    "in (?:its|their) stead": "instead",
    "taken? for granted": "assume",
    "by dint of": "by",
}
"""Pattern of a phrase -> what to write instead."""

PHRASES = re.compile(rf"\b(?:{'|'.join(PLAIN)})(?!\w)".replace(" ", r"[\s#]+"), re.IGNORECASE)
BARE_NUMBER = re.compile(r"(?<![\w.:%+,<>{}\\/)\]-])\.\d+(?![\w.])")

OLD_PACKAGE = "packaged_before_move"
"""A fixture that an earlier version wrote."""

TEXTS = [
    *(PROJECT_ROOT / name for name in ROOT_FILES),
    *(
        path
        for place in PLACES
        for path in sorted((PROJECT_ROOT / place).rglob("*"))
        if path.suffix in SUFFIXES and path.name != "test_plain_words.py" and OLD_PACKAGE not in path.parts
    ),
]


def prose(path):
    """Return what a person reads: Markdown without code, or comments and docstrings of Python."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`]*`|\([^()]*\.\w+\)", "", text, flags=re.DOTALL)
    if path.suffix != ".py":
        return ""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(t.string for t in tokens if t.type == tokenize.COMMENT or t.string.startswith('"""'))


@pytest.mark.parametrize("place", ["", *PLACES])
def test_texts_are_plain(place):
    folder = PROJECT_ROOT / place
    texts = [path for path in TEXTS if (path.is_relative_to(folder) if place else path.parent == PROJECT_ROOT)]
    assert texts
    phrases = [f"{path}: {found.group()}" for path in texts for found in PHRASES.finditer(path.read_text())]
    numbers = [f"{path}: {found.group()}" for path in texts for found in BARE_NUMBER.finditer(prose(path))]
    assert not phrases, f"write these in plain words, see PLAIN: {phrases}"
    assert not numbers, f"write these with their leading zero: {numbers}"


@pytest.mark.parametrize("text", ["It fails for want\nof weights.", "It was tried in vain.", "Nobody is told of it."])
def test_a_phrase_that_is_not_plain_is_found(text):
    assert PHRASES.search(text)


def test_a_number_without_its_leading_zero_is_found():
    assert BARE_NUMBER.findall("of .59 to .69, at (.5) and a rate .0005") == [".59", ".69", ".5", ".0005"]
    assert not BARE_NUMBER.findall("0.59, 3.8.8, {x:.1f}, %.2f, a.5 and notes.md")
