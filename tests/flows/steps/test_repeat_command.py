"""The command of a report repeats a run with the same format of the data."""

import pytest

from data.base.named_formats import FormatChoice
from flows.cli.options import FormatOptions, parse_format
from flows.steps.repeat_command import format_options, repeat_command

FORMATS = [
    FormatChoice(),
    FormatChoice(name="fer2013"),
    FormatChoice(name="rafdb", labels=("happy", "sad"), image_size=64, color="gray", carve_test=True),
    FormatChoice(labels=("auto",), color="rgb"),
]
FIELDS = {"--format": "name", "--labels": "labels", "--image-size": "image_size", "--color": "color"}


@pytest.mark.parametrize("choice", FORMATS, ids=str)
def test_options_say_the_format_again(choice: FormatChoice) -> None:
    words = format_options(choice)
    carve = "--carve-test" in words
    pairs = [word for word in words if word != "--carve-test"]
    given = {FIELDS[name]: value for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
    size = int(given.pop("image_size", 0))
    assert parse_format(FormatOptions(**given, image_size=size, carve_test=carve)) == choice


def test_the_default_needs_no_option() -> None:
    assert format_options(FormatChoice()) == []
    command = repeat_command({"source": "faces", "preset": "quick", "seed": 1, "data_format": {"name": "ckplus"}})
    assert command == "emotion run --source faces --preset quick --seed 1 --format ckplus"


def test_a_run_on_photos_says_so():
    command = repeat_command({"source": "photos", "preset": "quick", "seed": 1, "faces": "find"})
    assert command == "emotion run --source photos --preset quick --seed 1 --faces find"
    assert "--faces" not in repeat_command({"source": "photos", "preset": "quick", "seed": 1, "faces": "given"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"target": "preset", "truth": "published"}, ""),
        ({"target": "votes", "truth": "clear"}, " --target votes --truth clear"),
    ],
)
def test_a_run_with_a_target_and_a_truth_says_so(given: dict[str, str], words: str) -> None:
    command = repeat_command({"source": "faces", "preset": "quick", "seed": 1, **given})
    assert command == f"emotion run --source faces --preset quick --seed 1{words}"


def test_a_run_with_votes_says_so():
    command = repeat_command({"source": "faces", "preset": "quick", "seed": 1, "votes": "my votes.csv"})
    assert command == "emotion run --source faces --preset quick --seed 1 --votes 'my votes.csv'"
