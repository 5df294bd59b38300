"""Evidence is read from stored trainings, and a champion is scored again if it was scored on other images."""

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest

from data.base.errors import OtherImages, PipelineError
from data.records.training import VariantPlan, VariantResult
from data.views.tfrecords import RecordFile, ViewsIndex
from data.workspace.stage_record import RECORD_NAME
from models.evaluation.predictions import name_columns
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
    sorted_predictions,
)
from models.promotion.gain_bound import gain_lower_bounds
from tests.models.promotion.test_decide import (
    IMAGES,
    LABELS,
    make_evidence,
    make_model,
    predict,
    right_on,
    right_on_few_more,
    timed,
)
from tests.support.seed_format import CLASSES

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
    again[name_columns(len(CLASSES))[1]] += 0.0625 * (again.index == 7)
    again[name_columns(len(CLASSES))[2]] -= 0.125 * (again.index == 9)
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
    pd.testing.assert_frame_equal(sorted_predictions(shuffled), frame)


@pytest.mark.parametrize(("excess", "refused"), [(LARGEST_EXCESS / 2, False), (2 * LARGEST_EXCESS, True)])
def test_a_probability_may_exceed_one_by_rounding_alone(excess, refused):
    frame = predict(right_on(2))
    frame.loc[0, list(name_columns(len(CLASSES)))] = [1 + excess, 0, 0, 0]
    evidence = Evidence((make_model("first", right_on(2), predictions=frame),), "key-of-first", None, (), 0.0)
    if refused:
        with pytest.raises(PipelineError, match="got 1 of 2,000 predictions of first"):
            find_challenger(evidence)
    else:
        find_challenger(evidence)


@pytest.mark.parametrize("excess", [0.0, 0.0005, 0.001])
def test_half_precision_exceeds_one_by_a_thousandth_at_most(excess):
    frame = predict(right_on(2))
    frame.loc[0, list(name_columns(len(CLASSES)))] = [1 + excess, 0, 0, 0]
    model = make_model("first", True, predictions=frame)
    assert find_challenger(Evidence((model,), model.key, None, (), 0.0)) is model


@pytest.mark.parametrize("value", [1.0011, -1e-6, np.nan, np.inf, -np.inf])
def test_what_is_no_probability_is_refused(value):
    frame = predict(right_on(2))
    frame.loc[[3, 1999], name_columns(len(CLASSES))[2]] = value
    model = make_model("first", True, predictions=frame)
    message = (
        r"^got 2 of 2,000 predictions of first \(key-of-first\) with NaN or a value outside 0\.\.1, expected "
        "probabilities: train it again with --force, with float32 or a lower learning rate$"
    )
    with pytest.raises(PipelineError, match=message):
        find_challenger(Evidence((model,), model.key, None, (), 0.0))


@pytest.mark.parametrize(
    ("threads", "named"), [(1, "threads 1"), (16, "threads 16"), (None, "threads all")], ids=["1", "16", "all"]
)
def test_a_machine_is_named_by_its_facts_and_threads(threads, named):
    result = store_result(plan=VariantPlan(threads=threads), made_with={**OTHER_FACTS, "code": "abc"})
    assert identify_machine(result) == f"processor p, cores 2, memory 8 GiB, gpus none, {named}"


@pytest.mark.parametrize("fact", OTHER_FACTS)
def test_a_machine_of_which_a_fact_is_missing_is_not_known(fact):
    known = {name: value for name, value in OTHER_FACTS.items() if name != fact}
    assert identify_machine(store_result(made_with=known)) == ""


def store_result(**changes) -> VariantResult:
    return VariantResult(name="compact", description="", status="trained", made_with=OTHER_FACTS).model_copy(
        update=changes
    )


def test_only_the_part_that_is_judged_is_read(tmp_path):
    directory = tmp_path / "0123"
    stored = store_training(directory).model_copy(update={"directory": str(directory)})
    frame = predict(right_on(2))
    test = frame.assign(part="test", image_id="test/" + frame["image_id"])
    pd.concat([test, frame.iloc[::-1]]).to_parquet(directory / PREDICTIONS_NAME)
    model = read_scored_model(stored, "clean")
    pd.testing.assert_frame_equal(model.predictions, frame)
    assert (model.images, model.synthetic, model.name) == ("clean", False, "compact (0123)")
    assert read_scored_model(stored, "clean", synthetic=True).synthetic
    assert measure_reload(frame, directory) == 0


def test_images_are_those_of_all_shards_of_validation():
    def index(*sums: str) -> ViewsIndex:
        shards = (RecordFile(name=s, part="validation", view=0, shard=0, images=1, bytes=1, sha256=s) for s in sums)
        return ViewsIndex(files=tuple(shards))

    identities = [identify_images(index(*sums)) for sums in (("1",), ("1", "2"), ("2",), ("1", "3"))]
    assert len(set(identities)) == 4
    assert identities[0] == identify_images(index("1"))


FIRST, SECOND = make_model("first", right_on(2)), make_model("second", right_on(3))
LISTED = "['key-of-first', 'key-of-second']"
ONCE = "expected it to be one of them and each to be listed once: give the key of a trained variant"


@pytest.mark.parametrize(
    ("candidates", "challenger", "message"),
    [
        ((FIRST, SECOND), "other", f"got challenger 'other' of the candidates {LISTED}, {ONCE}"),
        ((), "other", f"got challenger 'other' of the candidates [], {ONCE}"),
        (
            (FIRST, SECOND, FIRST),
            "key-of-second",
            "got challenger 'key-of-second' of the candidates ['key-of-first', 'key-of-second', 'key-of-first'], "
            + ONCE,
        ),
        (
            (replace(FIRST, predictions=predict(right_on(2)).head(0)),),
            "key-of-first",
            "got no validation image, expected some: a promotion needs a validation split",
        ),
        (
            (FIRST, replace(SECOND, images="dirty")),
            "key-of-first",
            "got predictions of second on other validation images than those of first, expected the same: run again "
            "with --force",
        ),
        (
            (FIRST, replace(SECOND, predictions=predict(right_on(3)).head(IMAGES - 1))),
            "key-of-second",
            "got predictions of first on other validation images than those of second, expected the same: run again "
            "with --force",
        ),
    ],
)
def test_what_is_wrong_with_the_candidates_is_said(candidates, challenger, message):
    with pytest.raises(PipelineError) as raised:
        find_challenger(Evidence(candidates, challenger, None, (), 0.0))
    assert str(raised.value) == message


def test_the_challenger_is_found_by_its_key():
    assert find_challenger(Evidence((FIRST, SECOND), "key-of-second", None, (), 0.0)) is SECOND
    assert SECOND.identity.model_dump() == {"variant": "second", "key": "key-of-second"}


def test_what_differs_between_the_images_of_champion_and_challenger_is_said():
    fewer = make_model("champion", True, images="dirty", predictions=predict(right_on(3)).head(1500))
    evidence = make_evidence(champion=fewer)
    with pytest.raises(OtherImages) as raised:
        line_up(evidence, find_challenger(evidence))
    assert str(raised.value) == (
        "got predictions of the champion champion (key-of-champion) on other images (1,500 of 'dirty'), expected those "
        "of the challenger better (2,000 of 'clean'): score it again first"
    )


def test_the_gain_and_its_bound_are_those_of_the_challenger_among_all_rivals():
    """The champion was trained again from the same inputs, so that it is a candidate, but no rival."""
    right = {"weak": right_on(6), "lucky": right_on_few_more(40), "strong": right_on(1)}
    weak, lucky, strong = (make_model(name, answers) for name, answers in right.items())
    champion = make_model("champion", right_on(3))
    evidence = Evidence((weak, champion, lucky, strong), lucky.key, champion, (), 0.0)
    paired = line_up(evidence, find_challenger(evidence))
    assert (paired.challenger, paired.champion, paired.candidates) == (lucky, champion, 3)
    assert paired.correct.tolist() == right["lucky"].tolist()
    assert paired.opponent.tolist() == right_on(3).tolist()
    assert paired.gain == pytest.approx(40 / IMAGES)
    differences = np.stack([answers.astype(int) - right_on(3) for answers in right.values()], axis=1)
    # With another seed than that of the stored decisions, the same evidence would give another bound.
    assert paired.gain_low == gain_lower_bounds(differences, 42)[1]


def test_models_and_evidence_do_not_change_and_are_compared_as_things():
    """Frames of predictions have no single truth value, so that fields cannot be compared."""
    evidence = make_evidence()
    paired = line_up(evidence, find_challenger(evidence))
    for thing, field in (
        (FIRST, "images"),
        (evidence, "challenger"),
        (paired, "gain"),
        (champion(fetch_nothing), "key"),
    ):
        assert thing == thing and thing != replace(thing) and len({thing, replace(thing)}) == 2
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field, "another")
