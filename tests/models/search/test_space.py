"""The search space: only valid recipes, drawn from it alone, and given by a person as JSON."""

import json

import optuna
import pytest

from data.base.errors import PipelineError
from models.catalog.presets import PRESETS
from models.catalog.train_config import TrainConfig
from models.search.space import SEARCHED, Range, SearchSpace, load_space

BASE = TrainConfig(epochs=7, momentum=0.5, precision="float32", time_budget_minutes=2)


def draw(space: SearchSpace, count: int) -> list[TrainConfig]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [space.suggest(study.ask(), BASE) for _ in range(count)]


def test_recipes_lie_in_the_space_and_differ_from_the_base_in_searched_fields_only():
    space = SearchSpace()
    recipes = draw(space, 60)
    assert {recipe.optimizer for recipe in recipes} == {"sgd", "adam"}
    assert {recipe.mixup for recipe in recipes} == set(space.mixup)
    assert {recipe.batch_size for recipe in recipes} == set(space.batch_sizes)
    kept = set(TrainConfig.model_fields) - set(SEARCHED)
    for recipe in recipes:
        assert space.params_of(recipe), recipe
        assert recipe.model_dump(include=kept) == BASE.model_dump(include=kept)


def test_each_optimizer_has_rates_of_its_own():
    rates = {"sgd": [], "adam": []}
    for recipe in draw(SearchSpace(), 60):
        rates[recipe.optimizer].append(recipe.learning_rate)
    assert max(rates["adam"]) <= 0.01 < 0.02 <= min(rates["sgd"])


def test_a_rate_is_drawn_from_its_logarithm():
    space = SearchSpace(optimizers=["sgd"], sgd_learning_rate=Range(low=1e-4, high=1))
    rates = [recipe.learning_rate for recipe in draw(space, 200)]
    assert 70 <= sum(rate < 1e-2 for rate in rates) <= 130, "half of them below the geometric mean"


def test_what_a_preset_file_says_is_what_was_trained():
    for recipe in draw(SearchSpace(), 20):
        assert recipe == TrainConfig.model_validate_json(recipe.model_dump_json())
        assert recipe.learning_rate == float(f"{recipe.learning_rate:.3g}")


def test_the_recipe_found_by_hand_is_in_the_usual_space():
    recipe = PRESETS["quick"].recipe("compact", 0)
    located = SearchSpace().params_of(recipe)
    study = optuna.create_study()
    study.enqueue_trial(located)
    assert SearchSpace().suggest(study.ask(), BASE).model_dump(include=set(SEARCHED)) == recipe.model_dump(
        include=set(SEARCHED)
    )


@pytest.mark.parametrize(
    "change", [{"learning_rate": 5.0}, {"mixup": 0.15}, {"optimizer": "adam"}, {"weight_decay": 0.0}]
)
def test_a_recipe_outside_is_not_located(change):
    recipe = PRESETS["quick"].recipe("compact", 0).model_copy(update=change)
    assert SearchSpace().params_of(recipe) == {}


def test_a_space_is_changed_by_json_or_a_file_with_it(tmp_path):
    text = json.dumps({"optimizers": ["sgd"], "sgd_learning_rate": {"low": 0.05, "high": 0.2}})
    expected = SearchSpace(optimizers=["sgd"], sgd_learning_rate=Range(low=0.05, high=0.2))
    path = tmp_path / "space.json"
    path.write_text(text)
    assert load_space(text) == load_space(str(path)) == expected
    assert load_space("") == SearchSpace()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"optimizers": []}', "optimizers: List should have at least 1 item"),
        ('{"optimizers": ["lion"]}', "optimizers.0: Input should be 'sgd' or 'adam'"),
        ('{"batch_sizes": [64, 0]}', "got batch_size 0: Input should be greater than or equal to 1"),
        ('{"mixup": [5]}', "got mixup 5.0: Input should be less than or equal to 4"),
        ('{"label_smoothing": {"low": 0, "high": 1}}', "got label_smoothing 1.0: Input should be less than 1"),
        ('{"sgd_learning_rate": {"low": 0, "high": 1}}', "got sgd_learning_rate 0.0: Input should be greater than 0"),
        ('{"adam_weight_decay": {"low": 0, "high": 0.1}}', "got adam_weight_decay 0, expected more than 0"),
        ('{"warmup_fraction": {"low": 0.3, "high": 0.1}}', "got low 0.3 above high 0.1"),
        ('{"warmup_fraction": 0.3}', "warmup_fraction: Input should be an object"),
        ('{"epochs": [3]}', "epochs: Extra inputs are not permitted"),
        ("{", "Invalid JSON"),
        ("nowhere.json", "cannot be read"),
    ],
)
def test_a_wrong_space_is_one_message(text, message):
    with pytest.raises(PipelineError) as raised:
        load_space(text)
    assert message in str(raised.value)
