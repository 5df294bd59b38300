"""Sections of a data set with more classes than fit side by side, and the card of one in another format."""

import numpy as np
import pytest

from data.base.data_format import DataFormat
from data.records.training import ClassMetrics
from reports.common.templates import make_environment
from reports.run.sections import limits
from reports.run.sources import ReportSources
from tests.support.results_factory import make_results

LABELS = tuple(f"expression {number}" for number in range(12))
COUNTS = 40 * np.eye(12, dtype=int) + 2


@pytest.fixture
def results(tmp_path):
    results = make_results(tmp_path, trained=2)
    rows = tuple(
        ClassMetrics(label=label, precision=0.25, recall=number / 100, f1=0.5, support=64)
        for number, label in enumerate(LABELS)
    )
    variants = []
    for variant in results.variants:
        if "validation" in variant.parts:
            part = variant.parts["validation"].model_copy(
                update={"per_class": rows, "confusion": tuple(map(tuple, COUNTS.tolist()))}
            )
            variant = variant.model_copy(update={"parts": {"validation": part}})
        variants.append(variant)
    return results.model_copy(update={"classes": LABELS, "variants": tuple(variants)})


def render(name, results):
    scored = [variant for variant in results.variants if variant.parts]
    template = make_environment().get_template(f"run/sections/{name}.html")
    return template.render(results=results, scored=scored, classes=results.classes, best=None)


def test_cells_of_a_large_matrix_have_the_share_alone_and_the_count_in_their_title(results):
    page = render("confusion", results)
    assert page.count('<table class="confusion many">') == 2
    assert "<small>" not in page
    assert 'title="expression 3 predicted as expression 3: 66% (42)">66</td>' in page


def test_a_small_matrix_keeps_its_counts(tmp_path):
    page = render("confusion", make_results(tmp_path, trained=2))
    assert '<table class="confusion">' in page and "confusion many" not in page and "<small>" in page


def test_each_of_many_classes_has_a_row(results):
    page = render("classes", results)
    assert [f'<th scope="row">{label} (64)</th>' in page for label in LABELS] == [True] * 12
    row = page.split("expression 7 (64)")[1].split("</tr>")[0]
    assert row.count(">7.0<") == 2, "the recall of each of the two variants"


def test_the_card_names_the_images_and_classes_of_its_own_data_set(results):
    colour = DataFormat(labels=LABELS, height=100, width=90, channels=3)
    variants = tuple(variant.model_copy(update={"data_format": colour}) for variant in results.variants)
    card = "\n".join(limits.markdown(results.model_copy(update={"variants": variants}), ReportSources()))
    assert "takes colour pixels from 0 to 255, 90 wide and 100 high" in card
    assert "on a 90x100 colour picture" in card and "expression 10 and expression 11" in card
    assert "48x48" not in card and "happy" not in card.split("**Metrics")[0] and "colour photographs" not in card
