"""A run that needs votes of people and has none is refused before anything is downloaded."""

import pytest

from data.base.errors import PipelineError
from flows.steps.votes_check import check_votes
from models.catalog.presets import PRESETS, with_target


@pytest.mark.parametrize("truth", ["crowd", "clear"])
def test_a_truth_of_people_needs_votes(truth):
    preset = PRESETS["smoke"]
    with pytest.raises(PipelineError, match=f"got truth {truth} without votes.*--votes"):
        check_votes("", preset, preset.variants, truth)
    check_votes("votes.csv", preset, preset.variants, truth)
    check_votes("", preset, preset.variants, "published")


def test_a_target_of_votes_needs_votes_for_what_is_trained():
    preset = with_target(PRESETS["best"], "votes")
    with pytest.raises(PipelineError, match="got target votes for light, student without votes"):
        check_votes("", preset, ["light"], "published")
    check_votes("votes.csv", preset, ["light"], "published")
    own = PRESETS["best"].model_copy(update={"recipes": {**PRESETS["best"].recipes, "light": preset.recipes["light"]}})
    check_votes("", own, ["compact"], "published")
    with pytest.raises(PipelineError, match="got target votes for light and truth crowd without"):
        check_votes("", own, ["light"], "crowd")
