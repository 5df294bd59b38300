"""Difference between two runs: the accuracy of each variant, and changes in data, code and configuration."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.records.run import ARCHIVE_DIGEST, RELABEL_DIGEST, VOTES_DIGEST, RunResults
from data.records.run_difference import (
    AREAS,
    Area,
    Change,
    Method,
    RunDifference,
    RunLabel,
    VariantDifference,
    VariantFigures,
)
from data.records.training import VariantResult
from data.records.truths import TRUTH_WORDS
from data.workspace.layout import DATASETS_STAGE, IMAGES_STAGE, MANIFESTS_STAGE, VIEWS_STAGE
from models.evaluation.paired import Difference, compare_matched, compare_proportions
from models.evaluation.predictions import correctness_of, read_predictions

PART = "validation"
PIXEL_LINEAGE = (ARCHIVE_DIGEST, IMAGES_STAGE)
"""If one of these is equal in both runs, images of the same name have the same pixels."""

ABSENT = "none"


def compare_runs(earlier: RunResults, later: RunResults) -> RunDifference:
    """Compare two runs variant by variant, in pairs if both were scored on the same validation images.

    Args:
        earlier: the earlier run; predictions are read from the directories of its variants. If they are gone, the
            stored accuracies are compared.
        later: the later run; its seed is used for the resampling.

    Returns:
        Differences with intervals and corrected p-values, and what changed in data, code, configuration and versions.
    """
    before, after = _scored(earlier), _scored(later)
    alike = not _other_labels(earlier, later)
    tested = [name for name in after if alike and name in before and not _same_training(before[name], after[name])]
    reason, answers = _paired_answers(earlier, later, tested)
    found = (
        compare_matched(*answers, later.seed)
        if answers
        else compare_proportions([_counts(before[name]) for name in tested], [_counts(after[name]) for name in tested])
    )
    method: Method = "paired" if answers else "two proportions"
    differences = dict(zip(tested, found, strict=True))
    names = [*after, *(name for name in before if name not in after)]
    return RunDifference(
        earlier=_label(earlier),
        later=_label(later),
        paired=answers is not None,
        unpaired_because=reason,
        variants=tuple(
            _describe(before.get(name), after.get(name), differences.get(name), method if alike else "other labels")
            for name in names
        ),
        changes=tuple(sorted(_list_changes(earlier, later), key=lambda change: AREAS.index(change.area))),
    )


def _other_labels(earlier: RunResults, later: RunResults) -> str:
    """Return why the runs' accuracies are by other labels, and so not tested; empty if they are by the same.

    The published labels may differ too: paired answers are compared with them image by image, see `_paired_answers`.
    """
    if earlier.truth != later.truth:
        return "the runs are judged by different labels"
    if later.truth == "published":
        return ""
    digests = {VOTES_DIGEST: "votes", RELABEL_DIGEST: "corrections of labels"}
    changed = [what for key, what in digests.items() if earlier.lineage.get(key) != later.lineage.get(key)]
    said = f"the runs are judged by {TRUTH_WORDS[later.truth]}, but with different {' and '.join(changed)}"
    return said if changed else ""


def _scored(results: RunResults) -> dict[str, VariantResult]:
    found = (v for v in results.variants if v.status == "trained" and PART in v.parts and v.parts[PART].images)
    return {v.name: v for v in found if np.isfinite(v.parts[PART].accuracy)}


def _same_training(first: VariantResult, second: VariantResult) -> bool:
    """Check whether both are the same training: a key is a hash of everything that a training depends on."""
    return bool(first.training) and first.training == second.training


def _paired_answers(
    earlier: RunResults, later: RunResults, names: list[str]
) -> tuple[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]] | None]:
    """Read the right and wrong answers of both runs on the same images, or the reason why pairs cannot be compared."""
    if other := _other_labels(earlier, later):
        return other, None
    if not names:
        return "no variant of both runs was trained again", None
    if later.truth != "published":
        return f"the runs are judged by {TRUTH_WORDS[later.truth]}, and stored answers by the published labels", None
    if not any(key in earlier.lineage and earlier.lineage[key] == later.lineage.get(key) for key in PIXEL_LINEAGE):
        return "the runs' images are not known to be the same", None
    before, after = _scored(earlier), _scored(later)
    ids: list[Any] = []
    answers: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for name in names:
        for side, variant in enumerate((before[name], after[name])):
            try:
                frame = read_predictions(Path(variant.directory), PART)
            except (OSError, ValueError):
                return f"predictions of {name} are gone", None
            images = list(zip(frame["image_id"], frame["label"], strict=True))
            ids = ids or images
            if images != ids:
                return "their validation images or labels differ", None
            answers[side][name] = correctness_of(frame)
    return "", answers


def _counts(variant: VariantResult) -> tuple[int, int]:
    scores = variant.parts[PART]
    return round(scores.accuracy * scores.images), scores.images


def _describe(
    before: VariantResult | None, after: VariantResult | None, found: Difference | None, method: Method
) -> VariantDifference:
    name = next(variant.name for variant in (after, before) if variant)
    untested: Method = "in one run only"
    if before and after:
        untested = "other labels" if method == "other labels" else "same training"
    return VariantDifference(
        name=name,
        method=method if found else untested,
        earlier=_figures(before) if before else None,
        later=_figures(after) if after else None,
        difference=found.gain if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=found.p_value if found else None,
        p_holm=found.p_holm if found else None,
    )


def _figures(variant: VariantResult) -> VariantFigures:
    scores = variant.parts[PART]
    return VariantFigures(
        accuracy=scores.accuracy,
        accuracy_low=scores.accuracy_low,
        accuracy_high=scores.accuracy_high,
        macro_f1=scores.macro_f1,
        log_loss=scores.log_loss,
        core_seconds=variant.core_seconds,
        chosen_on_validation=variant.monitor == PART,
    )


def _label(results: RunResults) -> RunLabel:
    label = RunLabel(
        run_name=results.run_name,
        started=results.started,
        preset=results.preset,
        synthetic=results.data.synthetic,
    )
    scored = sorted(_scored(results).values(), key=lambda variant: -variant.parts[PART].accuracy)
    if not scored:
        return label
    scores = scored[0].parts[PART]
    low, high = results.accuracy_interval(scored[0])
    known = {"best": scored[0].name, "accuracy": scores.accuracy, "accuracy_low": low, "accuracy_high": high}
    return label.model_copy(update={**known, "validation_images": scores.images})


def _list_changes(earlier: RunResults, later: RunResults) -> Iterator[Change]:
    yield from _compare("data", _data_facts(earlier), _data_facts(later))
    yield from _compare("code", {"commit": earlier.code_version}, {"commit": later.code_version})
    yield from _compare("configuration", _choices(earlier), _choices(later))
    yield from _compare_recipes(earlier, later)
    yield from _compare("versions", earlier.versions, later.versions)
    yield from _compare("machine", earlier.hardware, later.hardware)


def _compare(area: Area, earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Iterator[Change]:
    for what in dict.fromkeys((*earlier, *later)):
        before, after = (str(side.get(what, ABSENT)) for side in (earlier, later))
        if before != after:
            yield Change(area=area, what=what, earlier=before, later=after)


def _data_facts(results: RunResults) -> dict[str, Any]:
    digests = (ARCHIVE_DIGEST, RELABEL_DIGEST, VOTES_DIGEST)
    stages = (IMAGES_STAGE, MANIFESTS_STAGE, DATASETS_STAGE, VIEWS_STAGE)
    counts = results.data.counts_used
    return {
        "source": results.data.source,
        **{f"images of {part}": sum(counts[part].values()) for part in counts},
        **{name: results.lineage[name] for name in digests if name in results.lineage},
        **{f"key of {stage}": results.lineage[stage] for stage in stages if stage in results.lineage},
    }


def _choices(results: RunResults) -> dict[str, Any]:
    augmentation = {f"augmentation: {name}": value for name, value in results.augmentation.items()}
    judged = {"judged by": TRUTH_WORDS[results.truth]}
    return {"preset": results.preset, "seed": results.seed, **judged, **augmentation}


def _recipe_of(variant: VariantResult, results: RunResults) -> dict[str, Any]:
    """Return a variant's recipe, with the settings of its views where the run's others have different ones."""
    own = results.own_augmentation(variant)
    return {**variant.train_config, **{f"augmentation: {name}": value for name, value in own.items()}}


def _compare_recipes(earlier: RunResults, later: RunResults) -> Iterator[Change]:
    """Compare the recipes of each variant in both runs; the same change in several variants is listed once."""
    former = {variant.name: _recipe_of(variant, earlier) for variant in earlier.variants}
    changed: dict[Change, list[str]] = {}
    for variant in later.variants:
        before, after = former.get(variant.name), _recipe_of(variant, later)
        if before and after:  # a variant that was not trained has no recipe
            for change in _compare("configuration", before, after):
                changed.setdefault(change, []).append(variant.name)
    for change, names in changed.items():
        yield change.model_copy(update={"what": f"{change.what} of {', '.join(names)}"})
