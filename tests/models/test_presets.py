"""Presets name variants that exist, and a budget only ever shortens."""

from typing import get_args

import pytest

from models.presets import PRESETS, PresetName
from models.variants import VARIANTS, VariantName


def test_names_agree_with_the_tables():
    assert set(get_args(PresetName)) == set(PRESETS)
    assert set(get_args(VariantName)) == set(VARIANTS)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_known_variants(name):
    preset = PRESETS[name]
    assert {*preset.variants, *preset.recipes} <= set(VARIANTS)


def test_the_seed_preset_is_the_notebook():
    preset = PRESETS["seed"]
    assert len(preset.variants) == 8
    recipe = preset.recipe("cnn_gray", 0)
    assert (recipe.epochs, recipe.patience, recipe.batch_size, recipe.monitor) == (100, 5, 32, "validation")
    assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 1e-3, "constant")
    assert preset.recipe("vgg16_b", 0).optimizer == "sgd"
    assert preset.recipe("efficientnetb0", 0).learning_rate == pytest.approx(1e-4)


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "seed"])
def test_no_other_preset_chooses_on_validation(name):
    preset = PRESETS[name]
    assert {recipe.monitor for recipe in (preset.train, *preset.recipes.values())} == {"selection"}


@pytest.mark.parametrize(("asked", "expected"), [(0, 3.5), (1.5, 1.5), (60, 3.5)])
def test_a_budget_shortens_and_never_lengthens(asked, expected):
    assert PRESETS["quick"].recipe("cnn_gray", asked).time_budget_minutes == expected


def test_a_budget_is_added_where_the_recipe_has_none():
    assert PRESETS["smoke"].recipe("compact", 2).time_budget_minutes == 2
