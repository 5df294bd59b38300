"""Each format of data sets has a registered model and a champion of its own."""

from pathlib import Path

from data.base.data_format import SEED_FORMAT, DataFormat
from data.base.named_formats import NAMED_FORMATS
from models.registry.champion import ModelRegistry
from models.registry.model_names import name_model
from tests.support.registry_factory import make_registry

FER = name_model(NAMED_FORMATS["fer2013"].data_format)


def test_formats_that_differ_in_labels_order_size_or_colour_have_other_names() -> None:
    own = DataFormat(labels=("no", "yes"))
    others = [
        SEED_FORMAT,
        *(one.data_format for one in NAMED_FORMATS.values() if one.data_format != SEED_FORMAT),
        own,
        DataFormat(labels=("yes", "no")),
        own.model_copy(update={"height": 64}),
        own.model_copy(update={"channels": 3}),
    ]
    assert len({name_model(one) for one in others}) == len(others)


def test_how_images_come_to_a_format_does_not_matter() -> None:
    assert name_model(SEED_FORMAT.model_copy(update={"resize": True, "recolor": True})) == "emotion"


def test_no_champion_of_one_format_is_moved_by_another(tmp_path: Path) -> None:
    make_registry(tmp_path, 2)
    make_registry(tmp_path, 2, FER)
    seed, fer = ModelRegistry(tmp_path), ModelRegistry(tmp_path, FER)
    assert seed.list_models() == ["emotion", FER]
    seed.move_champion(1, by="test", reason="first")
    fer.move_champion(1, by="test", reason="first")
    fer.move_champion(2, by="test", reason="better")
    assert (seed.champion(), fer.champion()) == (1, 2)
    assert fer.rollback(by="test", reason="worse").target == 1
    assert (seed.champion(), seed.previous(), fer.champion()) == (1, 0, 1)
    assert [len(one.history()) for one in (seed, fer)] == [1, 3], "each has its own moves"
    assert seed.protected_keys() == fer.protected_keys() == {"variant1"}
