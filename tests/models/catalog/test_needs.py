"""What trainings ask for: never less memory than they were measured to need."""

import re

import pytest

from data.base.paths import PROJECT_ROOT
from models.catalog.needs import needs_of
from models.catalog.variants import VARIANTS, Variant

MEASURED = re.findall(
    r"^\| `(\w+)` \|.*\| ([\d.]+) \|$", (PROJECT_ROOT / "docs" / "benchmarks.md").read_text(), flags=re.MULTILINE
)
"""Variant and peak in GiB, from the tables whose last column it is."""


@pytest.mark.parametrize(("name", "peak"), [(name, peak) for name, peak in MEASURED if name in VARIANTS])
def test_a_training_gets_its_measured_peak_and_one_gibibyte_more(name, peak):
    assert needs_of(VARIANTS[name]).memory_gib >= float(peak) + 1


def test_peaks_of_several_networks_were_found():
    assert {"compact", "cnn_3", "residual", "efficientnet_lite0_tuned"} <= {name for name, _ in MEASURED}


def test_a_network_of_somebody_else_gets_the_most():
    own = Variant(name="own", description="A network of your own.", builder="mynets:build")
    assert needs_of(own) == max(needs_of(variant) for variant in VARIANTS.values())
