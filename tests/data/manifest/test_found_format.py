"""The format of a data set, from what is said of it and what its images have."""

import pandas as pd
import pytest

from data.base.data_format import SEED_FORMAT
from data.base.errors import PipelineError
from data.base.named_formats import NAMED_FORMATS, FormatChoice
from data.manifest.found_format import find_format
from tests.support.image_tree import make_manifest


def make_set(**columns: object) -> pd.DataFrame:
    rows = [("train", label, f"{label}{n}") for label in ("yes", "no") for n in range(4)]
    return make_manifest([*rows, ("test", "other", "x")]).assign(**columns)


def test_what_is_not_said_is_the_formats() -> None:
    assert find_format(make_set(), FormatChoice()) == SEED_FORMAT
    assert find_format(make_set(), FormatChoice(name="rafdb")) == NAMED_FORMATS["rafdb"].data_format
    told = find_format(make_set(), FormatChoice(name="rafdb", image_size=64, color="gray", labels=("yes", "no")))
    assert (told.labels, told.shape, told.resize, told.recolor) == (("yes", "no"), (64, 64, 1), True, True)
    assert not find_format(make_set(), FormatChoice(color="rgb")).recolor


def test_what_is_found_is_that_of_most_images() -> None:
    manifest = make_set(width=[96] * 8 + [50], height=[80] * 8 + [50], gray=[False] * 8 + [True])
    found = find_format(manifest, FormatChoice(name="auto"))
    assert (found.labels, found.shape, found.resize) == (("no", "yes"), (80, 96, 3), False)
    assert find_format(manifest, FormatChoice(labels=("auto",))).shape == (48, 48, 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"width": 900}, "width.*224.*--image-size"), ({"label": "yes"}, "labels.*at least 2.*--labels")],
)
def test_what_is_no_format_is_refused_with_the_option(columns: dict[str, object], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        find_format(make_set(**columns), FormatChoice(name="auto"))
