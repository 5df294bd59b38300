"""Tests that the commands of the documentation work: all are parsed with their values, quick ones are run."""

import importlib.util
import re

import pytest

from data.base.errors import PipelineError
from data.base.paths import PROJECT_ROOT
from data.sample.generate import SampleConfig, generate_sample
from data.sources.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.cli.options import parse_choices
from models.catalog.presets import PRESETS, load_preset
from models.catalog.variants import find_variant
from models.promotion.policy import PromotionPolicy
from models.search.space import load_space
from serving.web.limits import ServeLimits
from tests.support.doc_commands import (
    PAGES,
    WrongCommand,
    find_commands,
    find_options,
    list_commands,
    names_commands,
    page_name,
    parse_words,
)
from tests.support.emotion_command import run_emotion

MAKEFILE = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")

FOLDER, ARCHIVE, FOUND_PRESET = "faces", "Facial_emotion_images.zip", "found.json"
TABLES = ("fer2013.csv", "faces.parquet", "faces/images.csv")
"""What the commands of the pages read, and what is in the folder of a test."""

STAND_INS = {"FILE_ID": "1AbCdEfGhIjKlMnOpQrStUvWxYz012345", "HEX": "0" * 64}
"""Placeholder in a page -> a value of the right form."""

PLACEHOLDER = re.compile(r"[A-Z_]+")

CHECKS = {
    "source": parse_source,
    "preset": load_preset,
    "variant": find_variant,
    "variants": lambda names: [find_variant(name.strip()) for name in names.split(",")],
    "policy": lambda choices: parse_choices("--policy", choices, RulePolicies),
    "limit": lambda choices: parse_choices("--limit", choices, DataLimits),
    "at_most": lambda choices: parse_choices("--at-most", choices, ServeLimits),
    "promotion": lambda choices: parse_choices("--promotion", choices, PromotionPolicy),
    "space": load_space,
}
"""Parameter of a command -> what checks its value; the command does the same before it starts anything."""

QUICK = {"doctor": 0, "status": 1, "down": 0, "schedule": 0, "models list": 0, "prune": 0}
"""Command that needs neither a network nor a run -> its exit status in a workspace where nothing is up."""

README_COMMANDS = find_commands((PROJECT_ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A current folder with what the commands of the pages read."""
    (tmp_path / FOLDER).mkdir()
    for name in (ARCHIVE, *TABLES):
        (tmp_path / name).touch()
    (tmp_path / "mynets.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / FOUND_PRESET).write_text(PRESETS["smoke"].model_dump_json())
    monkeypatch.setenv("FACES", "https://example.org/faces.zip")
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults_in(text):
    """Return the commands and options of a page that would be refused, each with the reason."""
    faults = []
    for command in find_commands(text):
        try:
            CHECK_OF_PROGRAM[command.program](command)
        except (WrongCommand, PipelineError) as error:
            faults.append(f"{command.line}: {error}")
    for words in find_options(text):
        try:
            check_option(words)
        except (WrongCommand, PipelineError) as error:
            faults.append(f"{' '.join(words)}: {error}")
    return faults


def check_emotion(command):
    if command.in_block or not names_commands(command.words):
        check_words(command.words)


def check_words(words):
    for name, value in parse_words(fill_in(words)).items():
        if value and name in CHECKS and not PLACEHOLDER.fullmatch(str(value)):
            CHECKS[name](value)


def fill_in(words):
    """Return the words of a command with values in place of parts of them that stand for a value."""
    for placeholder, value in STAND_INS.items():
        words = [word.replace(placeholder, value) for word in words]
    return words


def check_option(words):
    """Check an option that a sentence names, by a command that has it; one with a value is parsed, too."""
    owners = [
        name
        for name, command in list_commands().items()
        if words[0] == "--help" or any(words[0] in parameter.opts for parameter in command.params)
    ]
    if not owners:
        raise WrongCommand("no command has this option")
    if len(words) > 1:
        required = [
            one for one in list_commands()[owners[0]].params if one.param_type_name == "argument" and one.required
        ]
        check_words([*owners[0].split(), *words, *("1" for _ in required)])


def check_make(command):
    for word in command.words:
        name, mark, _ = word.partition("=")
        if not (f"$({name})" in MAKEFILE if mark else re.search(rf"^{re.escape(word)}:", MAKEFILE, re.MULTILINE)):
            raise WrongCommand(f"the Makefile has no {'variable' if mark else 'target'} {name}")


def check_python(command):
    try:
        found = importlib.util.find_spec(command.words[0])
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise WrongCommand(f"there is no module {command.words[0]}")


CHECK_OF_PROGRAM = {"emotion": check_emotion, "make": check_make, "python -m": check_python}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_and_options_of_a_page_are_accepted(page, folder):
    assert faults_in(page.read_text(encoding="utf-8")) == []


def test_the_pages_have_commands_of_every_program():
    commands = [command for page in PAGES for command in find_commands(page.read_text(encoding="utf-8"))]
    assert {command.program for command in commands} == set(CHECK_OF_PROGRAM)
    assert sum(command.in_block for command in commands) > 30
    named = {" ".join(command.words) + " " for command in commands if command.program == "emotion"}
    unnamed = [name for name in list_commands() if not any(words.startswith(f"{name} ") for words in named)]
    assert unnamed == [], "no page has an example of these commands"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("emotion run --colour gray", "No such option"),
        ("emotion retrain", "No such command"),
        ("emotion models", "Usage: emotion models"),
        ("emotion schedule", "Missing argument"),
        ("emotion run --seed many", "a valid integer"),
        ("emotion run --parallel 65", "less than or equal to 64"),
        (".venv/bin/emotion run --preset slow", "which is not a file"),
        ("NAME=1 emotion run --variants light,cnn_9", "cnn_9"),
        ("emotion run --policy not_blank=ignore  # a comment", "not_blank"),
        ("emotion run --source nowhere", "does not exist"),
        ("emotion ingest \\\n    --limit test_images=1", "test_images"),
        ("make runs", "no target runs"),
        ("make bench SOURCES=a.zip", "no variable SOURCES"),
        ("python -m benchmarks.none", "no module benchmarks.none"),
        ("python -m nowhere.none", "no module nowhere.none"),
    ],
)
def test_a_wrong_command_in_a_code_block_is_found(command, reason, folder):
    (fault,) = faults_in(f"Text.\n\n```\n{command}\n```\n")
    assert reason in fault


@pytest.mark.parametrize("span", ["--colour", "--seeds many", "emotion run --colour", "emotion retrain", "make runs"])
def test_a_wrong_command_in_a_sentence_is_found(span, folder):
    assert len(faults_in(f"Use `{span}`.")) == 1


@pytest.mark.parametrize(
    "span", ["--time-budget", "--seeds\n3", "emotion models", "emotion.champion", "emotion_layers.py", "make", "maker"]
)
def test_a_right_command_and_other_code_are_no_faults(span, folder):
    block = f"emotion run --source {ARCHIVE}#sha256=HEX  # a data set's archive\nmlflow server --colour"
    assert faults_in(f"Use `{span}`.\n\n```\n{block}\n```\n") == []


@pytest.mark.slow
def test_quick_commands_of_the_pages_run(folder):
    commands = {"--help": ["--help"]}
    for page in PAGES:
        for command in find_commands(page.read_text(encoding="utf-8")):
            if command.program == "emotion" and command.in_block and is_quick(command.words):
                commands[command.line] = fill_in(command.words)
    assert len(commands) > len(QUICK)
    for line, words in commands.items():
        outcome = run_emotion(folder / "workspace", *words)
        expected = QUICK.get(name_of(words), 0)
        assert outcome.returncode == expected, f"{line}: {outcome.stdout[-2000:]}{outcome.stderr[-2000:]}"


def is_quick(words):
    return "--help" in words or (name_of(words) in QUICK and (words[0] != "prune" or "--dry-run" in words))


def name_of(words):
    return next((name for name in list_commands() if f"{' '.join(words)} ".startswith(f"{name} ")), "")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_commands_of_the_readme_on_own_data_end_in_a_report(tmp_path, monkeypatch):
    """All but the last one, which trains for a quarter of an hour."""
    monkeypatch.chdir(tmp_path)
    config = SampleConfig(train_per_class=120, validation_per_class=30, test_per_class=12)
    generate_sample(tmp_path / FOLDER, config)
    commands = [command.words for command in README_COMMANDS if command.program == "emotion" and command.in_block]
    own = [words for words in commands if FOLDER in words and (words[0] == "ingest" or "smoke" in words)]
    reports = [words for words in commands if words[0] == "report"]
    assert [words[0] for words in own + reports] == ["ingest", "run", "report"]
    for words in own + reports:
        outcome = run_emotion(tmp_path / "workspace", *words, BROWSER="true")
        assert outcome.returncode == 0, f"{words}: {outcome.stdout[-2000:]}{outcome.stderr[-4000:]}"
    assert len(list((tmp_path / "workspace").glob("reports/[!.]*/index.html"))) == 1
