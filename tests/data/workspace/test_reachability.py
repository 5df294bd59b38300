"""What is kept and for which reason, on stages that exist as records alone and with a clock that stands still."""

import gc
import os
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from data.workspace.atomic import RECORD_NAME
from data.workspace.in_use import StagesInUse
from data.workspace.reachability import PrunePolicy, Stored, find_stages, is_edited, references, select_kept
from data.workspace.stage_record import StageRecord
from data.workspace.store import Workspace
from tests.support.stored_search import make_search

NOW = 1_800_000_000
DAY = 86_400
LONG_AGO = 99 * DAY


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)


def name(number: int) -> str:
    """Return the key of a stage by its number."""
    return f"{number:016x}"


def stored(
    root: Path, stage: str, number: int, age: int = LONG_AGO, created: str = "2026-01-01T00:00:00+0000", **inputs
) -> Stored:
    """Return a finished stage that was used so many seconds ago; its files do not exist."""
    record = StageRecord(stage=stage, key=name(number), created=created, inputs=inputs, files={})
    return Stored(record, root / stage / name(number), NOW - age)


def kept(root: Path, stages: list[Stored], **policy) -> dict[int, str]:
    """Return number -> reason of the stages that stay."""
    return {int(key, 16): reason for (_, key), reason in select_kept(stages, root, PrunePolicy(**policy)).items()}


def put(found: Stored, files: dict[str, str]) -> Stored:
    """Write a stage with these files, none of which its record lists, to the disk."""
    found.path.mkdir(parents=True)
    (found.path / RECORD_NAME).write_text(found.record.model_dump_json())
    for path, text in files.items():
        (found.path / path).write_text(text)
    return found


def test_without_a_choice_eight_reports_and_three_days_are_kept():
    policy = PrunePolicy()
    assert (policy.keep, policy.days, policy.protected) == (8, 3, frozenset())


@pytest.mark.parametrize(
    ("field", "allowed", "refused"), [("keep", (1, 10_000), (0, 10_001)), ("days", (0, 3650), (-0.5, 3650.5))]
)
def test_a_policy_has_bounds(field, allowed, refused):
    for value in allowed:
        assert getattr(PrunePolicy.model_validate({field: value}), field) == value
    for value in refused:
        with pytest.raises(ValidationError):
            PrunePolicy.model_validate({field: value})


@pytest.mark.parametrize(("keep", "expected"), [(1, 1), (2, 2), (8, 8), (10, 10), (11, 10)])
def test_as_many_reports_stay_as_the_policy_says(tmp_path, keep, expected):
    reports = [stored(tmp_path, "reports", n, LONG_AGO + n) for n in range(1, 11)]
    newest_first = {n: "latest report" if n == 1 else "kept reports" for n in range(1, expected + 1)}
    assert kept(tmp_path, reports, keep=keep) == newest_first


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"age": LONG_AGO}, {"age": LONG_AGO - 1, "created": "2025-01-01T00:00:00+0000"}),
        ({"created": "2026-03-01T09:30:00+0200"}, {"created": "2026-03-01T08:00:00+0000"}),
        ({}, {}),
    ],
    ids=["used", "made", "key"],
)
def test_the_latest_report_is_that_used_last_then_made_last_then_with_the_larger_key(tmp_path, first, second):
    reports = [stored(tmp_path, "reports", 1, **first), stored(tmp_path, "reports", 2, **second)]
    assert kept(tmp_path, reports, keep=1) == kept(tmp_path, reports[::-1], keep=1) == {2: "latest report"}


@pytest.mark.parametrize(("seconds_ahead", "latest"), [(3_599, 1), (3_601, 2)])
def test_a_clock_is_believed_up_to_an_hour_ahead(tmp_path, seconds_ahead, latest):
    reports = [stored(tmp_path, "reports", 1, -seconds_ahead), stored(tmp_path, "reports", 2)]
    assert kept(tmp_path, reports, keep=1)[latest] == "latest report"


@pytest.mark.parametrize(("days", "age", "stays"), [(3, 3 * DAY - 1, True), (3, 3 * DAY, False), (0.5, 43_200, False)])
def test_what_no_report_names_stays_for_whole_days(tmp_path, days, age, stays):
    views = stored(tmp_path, "views", 2)
    variant = stored(tmp_path, "variants", 1, age, views=name(2))
    assert kept(tmp_path, [views, variant], days=days) == ({1: "recent", 2: "recent"} if stays else {})


def test_what_an_old_report_names_is_not_kept_for_being_recent(tmp_path):
    stages = [
        stored(tmp_path, "reports", 1),
        stored(tmp_path, "reports", 2, LONG_AGO + 1, variants={"compact": ["trained", "", 3, name(3)]}),
        stored(tmp_path, "variants", 3, 1, views=name(4)),
        stored(tmp_path, "views", 4, 1),
        stored(tmp_path, "features", 5, 1, records=["0" * 64]),
    ]
    assert kept(tmp_path, stages, keep=1) == {1: "latest report"}


def test_keys_are_found_at_any_depth_and_nothing_else_is_taken_for_one():
    inputs = {
        "views": name(1),
        "variants": {"compact": ["trained", 3, None, (name(2), {"deep": name(3)})]},
        "longer": "0" * 17,
        "shorter": "0" * 15,
        "upper": "A" * 16,
        "number": 1234567890123456,
    }
    assert list(references(inputs)) == [("views", name(1)), ("variants", name(2)), ("variants", name(3))]


def test_of_the_former_data_set_only_itself_stays(tmp_path):
    stages = [
        stored(tmp_path, "reports", 1, dataset=name(2), change=name(3)),
        stored(tmp_path, "datasets", 2, manifest=name(4)),
        stored(tmp_path, "changes", 3, dataset=name(2), last=name(5)),
        stored(tmp_path, "manifests", 4),
        stored(tmp_path, "datasets", 5, manifest=name(6)),
        stored(tmp_path, "manifests", 6),
    ]
    assert kept(tmp_path, stages) == dict.fromkeys((1, 2, 3, 4, 5), "latest report")


def test_what_is_behind_a_stage_stays_if_only_a_later_reason_needs_it(tmp_path):
    accepted = tmp_path / "accepted"
    accepted.mkdir()
    (accepted / "sample.json").write_text(f'{{"key": "{name(1)}", "former": "{name(2)}"}}')
    stages = [
        stored(tmp_path, "datasets", 1, manifest=name(3)),
        stored(tmp_path, "datasets", 2, manifest=name(4)),
        stored(tmp_path, "manifests", 3),
        stored(tmp_path, "manifests", 4),
    ]
    assert kept(tmp_path, stages) == dict.fromkeys((1, 2, 3), "accepted data")
    (accepted / "sample.json").rename(accepted / ".sample.json")
    assert kept(tmp_path, stages) == {}, "a hidden file is not a record"
    (accepted / ".sample.json").rename(accepted / "sample.json")
    training = stored(tmp_path, "variants", 5, 1, dataset=name(2))
    expected = dict.fromkeys((1, 2, 3), "accepted data") | dict.fromkeys((4, 5), "recent")
    assert kept(tmp_path, [*stages, training]) == expected


def test_the_first_of_several_reasons_is_given(tmp_path):
    (tmp_path / "accepted").mkdir()
    (tmp_path / "accepted" / "sample.json").write_text(f'{{"key": "{name(1)}"}}')
    hold = StagesInUse(tmp_path)
    hold.add("views", name(2))
    stages = [
        stored(tmp_path, "datasets", 1),
        stored(tmp_path, "views", 2),
        stored(tmp_path, "reports", 3, views=name(2), dataset=name(1), model=name(4)),
        stored(tmp_path, "variants", 4),
        stored(tmp_path, "variants", 5, 1),
    ]
    found = kept(tmp_path, stages, protected=frozenset({name(4), name(5)}))
    assert found == {1: "latest report", 2: "in use", 3: "latest report", 4: "latest report", 5: "protected"}


def test_of_a_protected_stage_the_newest_report_stays(tmp_path):
    stages = [
        *(stored(tmp_path, "reports", n, LONG_AGO + n, variants={"compact": [name(9)]}) for n in (2, 3)),
        stored(tmp_path, "reports", 1),
        stored(tmp_path, "variants", 9, views=name(8)),
        stored(tmp_path, "views", 8),
    ]
    found = kept(tmp_path, stages, keep=1, protected=frozenset({name(9)}))
    assert found == {1: "latest report"} | dict.fromkeys((2, 8, 9), "protected")


@pytest.mark.parametrize("stage", ["verdicts", "audits", "searches"])
@pytest.mark.parametrize("keep", [1, 2])
def test_as_many_pages_of_each_kind_stay_as_reports(tmp_path, stage, keep):
    pages = [put(stored(tmp_path, stage, n, LONG_AGO + n), {}) for n in (1, 2, 3)]
    assert kept(tmp_path, pages, keep=keep) == dict.fromkeys(range(1, keep + 1), "latest pages")


def test_with_a_verdict_its_data_set_stays_alone_and_with_a_search_all_behind_its_winner(tmp_path):
    search = make_search(("finished", 0.6, name(4)), ("finished", 0.7, name(5)), ("pruned", 0.9, name(6)))
    stages = [
        stored(tmp_path, "verdicts", 1, dataset=name(2)),
        stored(tmp_path, "datasets", 2, manifest=name(3)),
        stored(tmp_path, "manifests", 3),
        *(stored(tmp_path, "variants", n, views=name(n + 3)) for n in (4, 5, 6)),
        *(stored(tmp_path, "views", n) for n in (7, 8, 9)),
        put(stored(tmp_path, "searches", 10), {"search.json": search.model_dump_json()}),
    ]
    assert kept(tmp_path, stages) == dict.fromkeys((1, 2, 5, 8, 10), "latest pages")


@pytest.mark.parametrize("content", [make_search(("failed", None, "")).model_dump_json(), "{}", None])
def test_a_search_without_a_winner_stays_alone(tmp_path, content):
    search = put(stored(tmp_path, "searches", 1), {} if content is None else {"search.json": content})
    assert kept(tmp_path, [search, stored(tmp_path, "variants", 2)]) == {1: "latest pages"}


def write_suspects(out: Path) -> None:
    (out / "suspects.csv").write_text("image_id")


def test_an_edited_audit_stays_without_what_it_was_made_from_and_no_other_edited_stage(tmp_path):
    stages = []
    for number, stage in enumerate(("audits", "audits", "decisions"), 1):
        made = Workspace(tmp_path).produce(stage, {"variant": name(9), "n": number}, write_suspects)
        record = StageRecord.model_validate_json((made.path / RECORD_NAME).read_bytes())
        stages.append(Stored(record, made.path, NOW - LONG_AGO - number))
    assert [is_edited(stage) for stage in stages] == [False, False, False]
    for stage in stages[1:]:
        (stage.path / "suspects.csv").write_text("image_id,happy")
    assert [is_edited(stage) for stage in stages] == [False, True, True]
    gc.collect()  # the holds of the workspaces that wrote
    found = select_kept([*stages, stored(tmp_path, "variants", 9)], tmp_path, PrunePolicy(keep=1))
    assert found == {stages[0].name: "latest pages", stages[1].name: "edited by hand"}


@pytest.mark.parametrize("linked", ["stage", "folder"])
def test_a_linked_stage_stays_with_what_it_was_made_from(tmp_path, linked):
    root = tmp_path / "workspace"
    stages = [stored(root, "variants", 1, views=name(2)), stored(root, "views", 2), stored(root, "views", 3)]
    link = stages[0].path if linked == "stage" else stages[0].path.parent
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path)
    assert [stage.is_linked for stage in stages] == [True, False, False]
    assert kept(root, stages) == {1: "behind a link", 2: "behind a link"}


def test_markers_stay_as_long_as_what_they_mark(tmp_path):
    stages = [
        stored(tmp_path, "reports", 1, decision=name(3)),
        stored(tmp_path, "reports", 2, LONG_AGO + 1),
        stored(tmp_path, "decisions", 3),
        stored(tmp_path, "tracked", 4, report=name(1)),
        stored(tmp_path, "tracked", 5, report=name(2)),
        stored(tmp_path, "carried_out", 6, decision=name(3)),
        stored(tmp_path, "folds", 7, report=name(1)),
    ]
    assert kept(tmp_path, stages, keep=1) == dict.fromkeys((1, 3, 4, 6), "latest report")


def views_with(root: Path, number: int, age: int, digest: str) -> Stored:
    found = stored(root, "views", number, age)
    files = {"train.tfrecord": (1, digest)}
    return found._replace(record=found.record.model_copy(update={"files": files}))


def test_features_stay_for_views_in_use_reported_last_or_recent(tmp_path):
    hold = StagesInUse(tmp_path)
    hold.add("views", name(1))
    digests = [letter * 64 for letter in "abcd"]
    ages = (LONG_AGO, LONG_AGO, LONG_AGO, 1)
    views = [views_with(tmp_path, n, ages[n - 1], digests[n - 1]) for n in (1, 2, 3, 4)]
    features = [stored(tmp_path, "features", n + 10, records=[digests[n - 1], digests[0]]) for n in (1, 2, 3, 4)]
    other = stored(tmp_path, "features", 20, records=["e" * 64, digests[0]])
    reports = [
        stored(tmp_path, "reports", 5, views=name(2)),
        stored(tmp_path, "reports", 6, LONG_AGO + 1, views=name(3)),
    ]
    found = kept(tmp_path, [*views, *features, other, *reports], keep=2)
    assert {n: reason for n, reason in found.items() if n > 10} == {11: "in use", 12: "latest report", 14: "recent"}
    assert found[3] == "kept reports"


def test_each_finished_stage_is_found_with_the_time_of_its_record(tmp_path):
    later, earlier = (stored(tmp_path, stage, n) for stage, n in (("views", 1), ("variants", 2)))
    for found, seconds in ((later, 2_000), (earlier, 1_000)):
        put(found, {})
        os.utime(found.path / RECORD_NAME, (seconds, seconds))
    assert find_stages(tmp_path) == [earlier._replace(used=1_000.0), later._replace(used=2_000.0)]


def test_an_export_stays_as_long_as_its_training(tmp_path):
    stages = [
        stored(tmp_path, "variants", 1),
        stored(tmp_path, "exports", 2, training=name(1), code=name(90)),
        stored(tmp_path, "exports", 3, 0, training=name(4), code=name(91)),
    ]
    assert kept(tmp_path, stages, protected={name(1)}) == {1: "protected", 2: "protected"}
    assert kept(tmp_path, stages) == {}


def test_only_the_newest_export_of_a_training_stays(tmp_path):
    exports = [
        stored(tmp_path, "exports", number, age, training=name(1), code=name(90 + number))
        for number, age in ((2, 50 * DAY), (3, 10 * DAY), (4, 20 * DAY))
    ]
    stages = [stored(tmp_path, "variants", 1), *exports]
    assert kept(tmp_path, stages, protected={name(1)}) == {1: "protected", 3: "protected"}


def test_the_newest_export_by_each_truth_stays(tmp_path):
    crowd = {"truth": "crowd"}
    exports = [
        stored(tmp_path, "exports", number, age, training=name(1), code=name(90 + number), **judged)
        for number, age, judged in ((2, 30 * DAY, {}), (3, 20 * DAY, crowd), (4, 10 * DAY, crowd))
    ]
    stages = [stored(tmp_path, "variants", 1), *exports]
    assert kept(tmp_path, stages, protected={name(1)}) == {1: "protected", 2: "protected", 4: "protected"}
