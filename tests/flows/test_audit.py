"""Cross-fitting through the command: every label of the sample set is judged by a network that did not see it."""

import os
import subprocess

import pandas as pd
import pytest

from data.records.label_audit import LabelAudit
from tests.support.emotion_command import EMOTION

pytestmark = pytest.mark.slow


def test_every_used_image_is_audited(tmp_path):
    outcome = subprocess.run(
        [EMOTION, "audit", "--preset", "demo", "--variant", "compact", "--folds", "3"],
        env={**os.environ, "EMOTION_WORKSPACE": str(tmp_path), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    (directory,) = (tmp_path / "audits").glob("[!.]*")
    audit = LabelAudit.model_validate_json((directory / "audit.json").read_text())
    (manifest,) = (tmp_path / "datasets").glob("*/manifest.parquet")
    assert audit.images == len(pd.read_parquet(manifest))
    assert str(directory / "suspects.csv") in outcome.stdout.replace("\n", "")
    assert len(list((tmp_path / "folds").glob("[!.]*"))) == len(list((tmp_path / "variants").glob("[!.]*"))) == 3
