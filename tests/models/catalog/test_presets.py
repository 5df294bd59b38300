"""Presets name variants that exist, a budget only ever shortens, and a file is a preset or an error."""

import json
from typing import get_args

import pytest
from pydantic import ValidationError

from data.base.errors import PipelineError
from data.views.augment import LIGHT_AUGMENT, PLAIN_VIEWS, STRONG_AUGMENT, ViewsConfig
from models.analysis.questions import list_pairs
from models.catalog.presets import PRESETS, Preset, load_preset, narrow_preset, with_target
from models.catalog.train_config import TrainConfig
from models.catalog.variants import VARIANTS, VariantName


def test_variant_names_agree_with_the_table():
    assert set(get_args(VariantName)) == set(VARIANTS)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_known_variants(name):
    preset = PRESETS[name]
    assert {*preset.variants, *preset.recipes} <= {*VARIANTS, *(["student"] if preset.student else [])}


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


@pytest.mark.parametrize(("asked", "expected"), [(0, 3.2), (1.5, 1.5), (60, 3.2)])
def test_a_budget_shortens_and_never_lengthens(asked, expected):
    assert PRESETS["quick"].recipe("cnn_gray", asked).time_budget_minutes == expected


@pytest.mark.parametrize("name", ["quick", "best"])
def test_a_frozen_backbone_is_not_trained_like_a_network_from_nothing(name):
    recipe = PRESETS[name].recipe("efficientnet_lite0", 0)
    assert (recipe.optimizer, recipe.mixup) == ("adam", 0)
    assert "efficientnet_lite0" not in PRESETS[name].variants, "it needs the extra, so a run has to ask for it"


def make_preset(**fields):
    return Preset.model_validate({**PRESETS["smoke"].model_dump(), **fields})


def test_a_student_learns_by_its_networks_recipe_without_smoothing():
    recipe = TrainConfig(learning_rate=0.02, label_smoothing=0.1)
    preset = make_preset(student="compact", recipes={"compact": recipe})
    assert preset.recipe("student", 0) == recipe.model_copy(update={"label_smoothing": 0})
    assert preset.recipe("compact", 0) == recipe


def test_a_students_own_recipe_goes_first():
    own = TrainConfig(learning_rate=0.03, teacher_share=0.5)
    preset = make_preset(student="compact", recipes={"compact": TrainConfig(), "student": own})
    assert preset.recipe("student", 0) == own
    assert preset.recipe("student", 3).time_budget_minutes == 3


def test_shifted_copies_without_mirrored_ones_are_refused():
    with pytest.raises(ValidationError, match="set test_time_flip to true"):
        TrainConfig(test_time_shift_pixels=2)


def test_only_best_has_a_student():
    assert {name: preset.student for name, preset in PRESETS.items() if preset.student} == {"best": "compact"}
    assert PRESETS["best"].recipe("student", 0).label_smoothing == 0


def test_a_budget_is_added_where_the_recipe_has_none():
    assert PRESETS["smoke"].recipe("compact", 2).time_budget_minutes == 2


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_when_it_was_a_file(name, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(PRESETS[name].model_dump_json(indent=1))
    assert load_preset(str(path)) == PRESETS[name] == load_preset(name)


def test_a_narrowed_preset_trains_one_variant_by_its_recipe_on_the_same_views():
    recipe = TrainConfig(learning_rate=0.02)
    narrowed = narrow_preset(PRESETS["best"], "compact", recipe, "found")
    assert (narrowed.variants, narrowed.ensemble) == (("compact",), False)
    assert narrowed.recipe("compact", 0) == recipe
    assert (narrowed.augment, narrowed.views) == (PRESETS["best"].augment, PRESETS["best"].views)


def changed(**fields):
    return json.dumps({**PRESETS["smoke"].model_dump(mode="json"), **fields})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "file: Invalid JSON"),
        ("[]", "file: Input should be an object"),
        ("{}", "description: Field required; variants: Field required"),
        (changed(variants=[]), "variants: Tuple should have at least 1 item"),
        (changed(variants=["cnn_9"]), "Got variant 'cnn_9'; expected one of light"),
        (changed(recipes={"cnn_9": {}}), "Got variant 'cnn_9'"),
        (changed(recipes={"compact": {"learning_rate": 0}}), "recipes.compact.learning_rate: Input should be greater"),
        (changed(student="cnn_9"), "student: Input should be 'light', "),
        (changed(recipes={"student": {}}), "Got variant 'student'"),
        (changed(student="compact", variants=["student"]), "Got variant 'student'"),
        (
            changed(student="compact", recipes={"student": {"label_smoothing": 0.1}}),
            "got label_smoothing 0.1 and teacher_share 0.7 in a student's recipe",
        ),
        (
            changed(student="compact", recipes={"cnn_gray": {"monitor": "validation"}}),
            "got student compact in a preset with monitor validation, expected selection in every recipe",
        ),
        (
            changed(student=None, ensemble=True, recipes={"cnn_gray": {"monitor": "validation"}}),
            "got an ensemble in a preset with monitor validation, expected selection in every recipe",
        ),
        (changed(epochs=3), "epochs: Extra inputs are not permitted"),
        (changed(views=0), "views: Input should be greater"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_a_bad_preset_file_is_one_message(content, message, tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PipelineError) as raised:
        load_preset(str(path))
    assert str(path) in str(raised.value)
    assert message in str(raised.value)


@pytest.mark.parametrize("preset", ["slow", "nowhere/mine.json", "", "."])
def test_what_is_neither_a_name_nor_a_file_is_refused_with_the_names(preset):
    with pytest.raises(PipelineError, match="not a file; expected one of smoke, demo, quick, best, seed or the"):
        load_preset(preset)


def test_a_variant_has_views_of_its_own_or_those_of_all_others():
    strong = ViewsConfig(augment=STRONG_AUGMENT, views=9)
    preset = make_preset(own_views={"compact": strong})
    assert preset.views_of("compact") == strong
    assert preset.views_of("cnn_gray") == ViewsConfig(augment=LIGHT_AUGMENT, views=2)
    assert narrow_preset(preset, "compact", preset.train, "found").shared_views == strong


@pytest.mark.parametrize("name", PRESETS)
def test_light_plain_is_trained_without_augmentation_in_every_preset(name):
    preset = PRESETS[name]
    recipe = preset.recipe("light_plain", 0)
    assert preset.views_of("light_plain") == PLAIN_VIEWS
    assert (recipe.flip, recipe.shift_pixels) == (False, 0)


def test_a_preset_file_may_name_an_augmentation(tmp_path):
    path, stored = tmp_path / "mine.json", PRESETS["smoke"].model_dump(mode="json")
    own = {"compact": {"augment": "none", "views": 1}, "cnn_gray": {"augment": {"zoom": 0.2}, "views": 3}}
    path.write_text(json.dumps({**stored, "augment": "strong", "own_views": own}))
    preset = load_preset(str(path))
    assert preset.augment == STRONG_AUGMENT
    assert preset.views_of("compact") == PLAIN_VIEWS and preset.views_of("cnn_gray").augment.zoom == 0.2
    path.write_text(json.dumps({**stored, "augment": "mild"}))
    with pytest.raises(PipelineError, match="'mild', expected one of none, light, strong, seed or an object"):
        load_preset(str(path))
    path.write_text(json.dumps({**stored, "own_views": {"cnn_9": own["compact"]}}))
    with pytest.raises(PipelineError, match="'cnn_9'"):
        load_preset(str(path))


def test_the_demo_has_fixed_epochs_and_a_pair_for_each_question_of_the_notebook():
    demo = PRESETS["demo"]
    assert not any(recipe.time_budget_minutes for recipe in (demo.train, *demo.recipes.values()))
    assert {topic for topic, _, _ in list_pairs(demo.variants)} == {"colour", "frozen", "augmentation", "depth"}


def test_a_target_of_a_run_replaces_that_of_every_recipe():
    preset = PRESETS["best"]
    assert with_target(preset, "preset") == preset
    changed = with_target(preset, "votes")
    names = (*preset.variants, "student", "light")
    for name in names:
        assert changed.recipe(name, 0) == preset.recipe(name, 0).model_copy(update={"target": "votes"})
    assert {with_target(changed, "label").recipe(name, 0).target for name in names} == {"label"}
