"""A seeded run whose results follow from stored predictions by the project's own functions, with its analysis."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.records.run import RunResults
from data.records.training import VariantResult
from data.views.pictures import FACES_NAME
from models.analysis.analyse import AnalysisInputs, analyse_run, list_faces
from models.evaluation.comparison import compare_variants, rank_variants
from models.evaluation.metrics import measure_predictions
from tests.support.results_factory import draw_face, make_results
from tests.support.seed_format import CLASSES

IMAGES = {"selection": 300, "validation": 400, "test": 32}
SKILLS = {"compact": 2.6, "cnn_3": 2.5, "cnn_rgb": 1.6, "cnn_gray": 1.5, "cnn_2": 0.8}


def make_run(directory: Path, skills: dict[str, float] = SKILLS, images: dict[str, int] = IMAGES) -> RunResults:
    """Return a run without analysis whose variants were scored on the same drawn images.

    Args:
        directory: a folder with predictions.parquet for each variant is made in it.
        skills: variant -> how far the label's logit stands out.
        images: part -> how many.
    """
    base = make_results(directory, trained=len(skills))
    generator = np.random.default_rng(7)
    labels = {part: generator.integers(0, len(CLASSES), count) for part, count in images.items()}
    hardness = {part: generator.normal(0, 1, (count, len(CLASSES))) for part, count in images.items()}
    variants = []
    for variant, (name, skill) in zip(base.variants, skills.items(), strict=False):
        folder = directory / variant.name
        frames = [_predict(part, labels[part], hardness[part], skill, generator) for part in images]
        predictions = pd.concat(frames, ignore_index=True)
        predictions.to_parquet(folder / "predictions.parquet", index=False)
        parts, calibration = measure_predictions(predictions, CLASSES)
        places = {"training": f"{directory.name}/{folder.name}", "directory": str(folder)}
        update = {"name": name, "parts": parts, "calibration": calibration, **places}
        variants.append(variant.model_copy(update=update))
    return with_variants(base, variants)


def with_variants(base: RunResults, variants: list[VariantResult]) -> RunResults:
    """Return the run with these trained variants, ranked and compared again."""
    comparisons, best = compare_variants(variants, base.seed)
    missing = tuple(v for v in base.variants if v.status != "trained")
    update = {"variants": (*rank_variants(variants), *missing), "comparisons": comparisons, "best": best}
    return base.model_copy(update=update)


def analyse(results: RunResults, last: RunResults | None = None) -> RunResults:
    """Return the run with its analysis, of a drawn manifest in which every fifth image has a near-duplicate."""
    return results.model_copy(update={"analysis": analyse_run(results, make_analysis_inputs(results, last))})


def make_analysis_inputs(results: RunResults, last: RunResults | None = None) -> AnalysisInputs:
    """Return the inputs of an analysis; every tenth label is suspected."""
    frame = read_answers(results, results.variants[0].name, "validation")
    generator = np.random.default_rng(3)
    count = len(frame)
    manifest = pd.DataFrame(
        {
            "path": frame["image_id"],
            "label": [CLASSES[label] for label in frame["label"]],
            "mean": generator.uniform(40, 200, count).round(),
            "standard_deviation": generator.uniform(20, 80, count),
            "sharpness": generator.uniform(50, 2000, count),
            "group": [f"twins-{place // 10}" if place % 5 == 0 else f"one-{place}" for place in range(count)],
        }
    )
    return AnalysisInputs(manifest=manifest, suspects=frozenset(frame["image_id"].iloc[::10]), last=last)


def write_analysed_faces(results: RunResults, directory: Path) -> Path:
    """Write a drawn face for every image that the analysis names; return the file's path."""
    names = list_faces(results.analysis) if results.analysis else []
    generator = np.random.default_rng(5)
    images = np.stack([draw_face(place % 4, generator) for place in range(len(names))])
    np.savez(directory / FACES_NAME, images=images, image_ids=np.array(names))
    return directory / FACES_NAME


def read_answers(results: RunResults, name: str, part: str) -> pd.DataFrame:
    """Return a variant's stored predictions of a part, by image id."""
    variant = next(variant for variant in results.variants if variant.name == name)
    frame = pd.read_parquet(Path(variant.directory) / "predictions.parquet")
    return frame[frame["part"] == part].sort_values("image_id", ignore_index=True)


def _predict(part, labels, hardness, skill, generator) -> pd.DataFrame:
    logits = hardness + generator.normal(0, 0.7, hardness.shape)
    logits[np.arange(len(labels)), labels] += skill
    weights = np.exp(1.4 * logits)
    probabilities = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    frame = pd.DataFrame(probabilities, columns=pd.Index([f"probability_{label}" for label in range(len(CLASSES))]))
    frame.insert(0, "image_id", [f"{part}/{CLASSES[label]}/{place}.jpg" for place, label in enumerate(labels)])
    frame.insert(1, "part", part)
    frame.insert(2, "label", labels.astype(np.int64))
    return frame
