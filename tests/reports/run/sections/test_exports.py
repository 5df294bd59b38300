"""The section on exports: what is offered, what is not, and what failed."""

import pytest

from data.records.export import ExportedFormat, FormatCheck
from data.records.promotion import Decision, ModelIdentity
from reports.run.sections import exports
from tests.support.bundles import make_bundle
from tests.support.results_factory import make_results

SOURCES = None
CHECK = FormatCheck(
    images=400,
    largest_difference=1e-6,
    changed_answers=3,
    changed_refusals=1,
    accuracy=0.8,
    accuracy_low=0.76,
    accuracy_high=0.84,
    p_value=0.25,
)
OFFERED = ExportedFormat(
    format="onnx", path="network.onnx", bytes=2_000_000, offered=True, check=CHECK, start_seconds=0.3
)
REFUSED = ExportedFormat(format="litert", path="network.tflite", bytes=0, offered=False, reason="no <b>operation</b>")


def make_decision(outcome, key):
    challenger = ModelIdentity(variant="compact", key=key)
    return Decision(outcome=outcome, challenger=challenger, candidates=1, images=100, criteria=(), summary="")


def test_each_format_has_a_row(tmp_path):
    bundle = make_bundle(variant="compact", formats=(OFFERED, REFUSED))
    results = make_results(tmp_path, trained=1, exports=(bundle,))
    ((variant, rows),) = exports.context(results, SOURCES)["export_tables"]
    assert (variant, [row["offered"] for row in rows]) == ("compact", ["yes", "no: no <b>operation</b>"])
    assert rows[0]["changed answers"] == "3 of 400" and rows[0]["McNemar p"] == "0.25"
    text = "\n".join(exports.markdown(results, SOURCES))
    assert "### compact" in text and "2.00 MB" in text and "<b>" not in text


@pytest.mark.parametrize(
    ("outcome", "key", "said"),
    [("promote", "1" * 16, True), ("ask", "1" * 16, True), ("keep", "1" * 16, False), ("promote", "0" * 16, False)],
)
def test_says_if_the_challenger_could_not_be_exported(tmp_path, outcome, key, said):
    bundle = make_bundle(variant="compact", formats=(OFFERED,))
    results = make_results(tmp_path, trained=1, exports=(bundle,), decision=make_decision(outcome, key))
    assert any("could not be exported" in one for one in exports.export_sentences(results)) == said


def test_is_left_out_without_an_export(tmp_path):
    results = make_results(tmp_path, trained=1, decision=make_decision("keep", "1" * 16))
    assert exports.context(results, SOURCES) == {} and exports.markdown(results, SOURCES) == []
