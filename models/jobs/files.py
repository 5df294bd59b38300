"""Names of the files in the directory of a training and of other child commands."""

SPEC_NAME = "spec.json"
"""Specification of the child command's work; written by the parent."""

CHILD_LOG_NAME = "child.log"
"""Output of the child command on stderr."""

PLAN_NAME = "plan.json"
RESULT_NAME = "result.json"
NETWORK_NAME = "model.keras"
PREDICTIONS_NAME = "predictions.parquet"
EXPLANATIONS_NAME = "explanations.npz"
TEACHING_NAME = "teaching.json"
"""Record of the soft labels that a teacher has written."""

VARIANT_FILES = (PREDICTIONS_NAME, PLAN_NAME, RESULT_NAME)
"""Files of a training that are uploaded to MLflow as they are."""

SCORED_PARTS = ("selection", "validation", "test")
