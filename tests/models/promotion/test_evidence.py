"""Evidence is read from stored trainings, and a champion is scored again if it was scored on other images."""

import json
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest

from data.base.errors import PipelineError
from data.base.labels import CLASSES
from data.records.training import VariantPlan, VariantResult
from data.views.tfrecords import RecordFile, ViewsIndex
from data.workspace.stage_record import RECORD_NAME
from models.evaluation.predictions import PROBABILITY_COLUMNS
from models.jobs.files import NETWORK_NAME, PREDICTIONS_NAME, RESULT_NAME
from models.promotion.evidence import (
    LARGEST_EXCESS,
    Evidence,
    RegisteredChampion,
    find_challenger,
    identify_images,
    identify_machine,
    line_up,
    measure_reload,
    read_scored_model,
    score_champion,
)
from tests.models.promotion.test_decide import IMAGES, LABELS, make_model, predict, right_on, timed

OTHER_FACTS = {"processor": "p", "cores": "2", "memory": "8 GiB", "gpus": "none"}


def test_a_stored_training_is_evidence(tmp_path):
    directory = tmp_path / "variants" / "0123"
    directory.mkdir(parents=True)
    predict(right_on(2)).to_parquet(directory / PREDICTIONS_NAME)
    made_with = {"processor": "p", "cores": "2", "memory": "8 GiB", "gpus": "none"}
    result = VariantResult(
        name="compact",
        description="",
        status="trained",
        directory=str(directory),
        latency=timed(3.0),
        made_with=made_with,
        plan=VariantPlan(threads=1),
    )
    model = read_scored_model(result, "clean")
    assert (model.identity.variant, model.identity.key, model.latency) == ("compact", "0123", timed(3.0))
    assert len(model.predictions) == IMAGES
    more_threads = result.model_copy(update={"plan": VariantPlan(threads=2)})
    assert model.machine == identify_machine(result) != identify_machine(more_threads)
    assert identify_machine(result.model_copy(update={"made_with": {}})) == ""


def index_of(**sums):
    files = (
        RecordFile(name=part, part=part, view=0, shard=0, images=9, bytes=9, sha256=sha256)
        for part, sha256 in sums.items()
    )
    return ViewsIndex(files=tuple(files))


def test_images_are_the_same_where_the_validation_records_are():
    images = identify_images(index_of(train="1", validation="2"))
    assert images == identify_images(index_of(train="augmented otherwise", validation="2"))
    assert images != identify_images(index_of(train="1", validation="relabelled"))


def store_training(directory: Path, views: str = "these views") -> VariantResult:
    """Write a training with predictions, network and record, as a workspace holds it."""
    directory.mkdir(parents=True)
    predict(right_on(2)).to_parquet(directory / PREDICTIONS_NAME)
    (directory / NETWORK_NAME).write_bytes(b"network")
    result = VariantResult(
        name="compact",
        description="",
        status="trained",
        directory="elsewhere",
        latency=timed(3.0),
        made_with=OTHER_FACTS,
    )
    (directory / RESULT_NAME).write_text(result.model_dump_json())
    record = {"stage": "variants", "key": directory.name, "created": "2026-01-01T00:00:00+0000", "files": {}}
    (directory / RECORD_NAME).write_text(json.dumps({**record, "inputs": {"views": views}}))
    return result


def test_reload_is_measured_as_the_largest_difference_of_a_probability(tmp_path):
    stored = store_training(tmp_path / "0123456789abcdef")
    again = predict(right_on(2))
    directory = tmp_path / "0123456789abcdef"
    assert stored.name == "compact" and measure_reload(again, directory) == 0
    again.loc[7, PROBABILITY_COLUMNS[1]] += 0.0625
    again.loc[9, PROBABILITY_COLUMNS[2]] -= 0.125
    assert measure_reload(again, directory) == pytest.approx(0.125, abs=1e-6)


def champion(fetch) -> RegisteredChampion:
    return RegisteredChampion("compact", "0123456789abcdef", synthetic=True, fetch_network=fetch)


def fetch_nothing() -> NoReturn:
    raise AssertionError("its network is in the workspace")


def test_a_champion_scored_on_these_views_is_not_scored_again(tmp_path):
    directory = tmp_path / "0123456789abcdef"
    store_training(directory)

    def score(network: Path) -> NoReturn:
        raise AssertionError(f"{network} is scored already")

    model = score_champion(champion(fetch_nothing), directory, "these views", "images", score)
    assert (model.variant, model.key, model.images, model.synthetic) == ("compact", directory.name, "images", True)
    assert (model.latency, len(model.predictions)) == (timed(3.0), IMAGES)


def test_a_champion_scored_on_other_views_is_scored_again(tmp_path):
    directory, asked = tmp_path / "0123456789abcdef", []
    store_training(directory, views="last week's views")

    def score(network: Path) -> pd.DataFrame:
        asked.append(network)
        return predict(right_on(5))

    model = score_champion(champion(fetch_nothing), directory, "these views", "images", score)
    assert asked == [directory / NETWORK_NAME]
    assert model.predictions.equals(predict(right_on(5)))
    assert model.latency == timed(3.0), "the latency is the network's, whatever it is scored on"


def test_a_champion_of_another_workspace_is_fetched_and_has_no_latency(tmp_path):
    fetched = tmp_path / "fetched.keras"

    def score(network: Path) -> pd.DataFrame:
        assert network == fetched
        return predict(right_on(5))

    model = score_champion(champion(lambda: fetched), tmp_path / "nowhere", "these views", "images", score)
    assert model.predictions.equals(predict(right_on(5)))
    assert (model.latency, model.machine, model.synthetic) == (None, "", True)


def test_without_a_champion_the_opponent_is_the_most_frequent_class():
    labels = np.repeat(np.arange(len(CLASSES)), [3, 5, 1, 1])
    model = make_model("first", right_on(0), predictions=predict(np.ones(10, bool), labels))
    evidence = Evidence((model,), model.key, None, (), 0.0)
    paired = line_up(evidence, find_challenger(evidence))
    assert paired.opponent.tolist() == (labels == 1).tolist()
    assert (paired.gain, paired.candidates) == (0.5, 1)


def test_rows_in_another_order_are_the_same_images():
    frame = predict(right_on(2))
    shuffled = make_model("other", right_on(2), predictions=frame.sample(frac=1, random_state=1))
    evidence = Evidence((make_model("first", right_on(2)), shuffled), "key-of-first", None, (), 0.0)
    assert find_challenger(evidence).variant == "first"
    np.testing.assert_array_equal(line_up(evidence, shuffled).labels, LABELS)


@pytest.mark.parametrize(("excess", "refused"), [(LARGEST_EXCESS / 2, False), (2 * LARGEST_EXCESS, True)])
def test_a_probability_may_exceed_one_by_rounding_alone(excess, refused):
    frame = predict(right_on(2))
    frame.loc[0, list(PROBABILITY_COLUMNS)] = [1 + excess, 0, 0, 0]
    evidence = Evidence((make_model("first", right_on(2), predictions=frame),), "key-of-first", None, (), 0.0)
    if refused:
        with pytest.raises(PipelineError, match="got 1 of 2,000 predictions of first"):
            find_challenger(evidence)
    else:
        find_challenger(evidence)
