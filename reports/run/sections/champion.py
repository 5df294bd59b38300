"""What a decision on the champion is told with."""

from data.records.promotion import Decision

OUTCOMES = {
    "promote": "The champion changes",
    "ask": "The champion changes once a person approves",
    "keep": "The champion stays",
}
CRITERIA = {
    "another_model": "another model",
    "accuracy_gain": "accuracy gain",
    "gain_over_most_frequent_class": "gain over the most frequent class",
    "classes_present": "classes in validation",
    "class_recall": "recall of each class",
    "calibration_error": "calibration error",
    "latency": "time of one image",
    "latency_ratio": "time over the champion's",
    "data_findings": "findings on the data",
    "reload_difference": "saved model gives the same",
    "not_rolled_back": "not rolled back before",
    "kind_of_images": "kind of images",
}
"""Name of a criterion -> what a person calls it."""


def decision_rows(decision: Decision) -> list[dict[str, str]]:
    """Return the criteria, one row each, those that do not hold first; every value ready to be read."""
    criteria = sorted(decision.criteria, key=lambda criterion: criterion.passed)
    return [
        {
            "criterion": CRITERIA.get(criterion.name, criterion.name),
            "holds": "yes" if criterion.passed else "no",
            "why": criterion.message,
        }
        for criterion in criteria
    ]
