"""Names of the stages of a workspace, of its other folders, and of the files that several packages read.

A stage's name is not part of its results: this module is left out of all cache keys (see `data.workspace.digests`).
"""

IMAGES_STAGE = "images"
MANIFESTS_STAGE = "manifests"
DATASETS_STAGE = "datasets"
CHANGES_STAGE = "changes"
VERDICTS_STAGE = "verdicts"
FOLDS_STAGE = "folds"
VIEWS_STAGE = "views"
FEATURES_STAGE = "features"
VARIANTS_STAGE = "variants"
SOFT_LABELS_STAGE = "soft_labels"
SEARCHES_STAGE = "searches"
AUDITS_STAGE = "audits"
DECISIONS_STAGE = "decisions"
APPLIED_DECISIONS_STAGE = "carried_out"
TRACKED_STAGE = "tracked"
REPORTS_STAGE = "reports"
EXPORTS_STAGE = "exports"

MARKER_STAGES = (TRACKED_STAGE, APPLIED_DECISIONS_STAGE)
"""Stages that only mark that something was done; pruning keeps them as long as the report that they mark."""

DOWNLOADS_FOLDER = "downloads"
DATA_DOCS_FOLDER = "data_docs"
RENDERED_FOLDER = "rendered"
ACCEPTED_FOLDER = "accepted"
STUDIES_FOLDER = "studies"
MLFLOW_FOLDER = "mlflow"
MLFLOW_DATABASE = "mlflow.db"
"""In that folder."""
REGISTRY_FOLDER = "registry"
SCORES_FOLDER = "scores"
"""Scores of photos. They are no stage: each run adds to them, and pruning never removes them."""

REVIEWS_FOLDER = "reviews"
"""Answers of people who review labels, and feedback on the champion. Pruning never removes them."""

SERVICE_LOGS = (
    "prefect/server.log",
    *(f"up/logs/{part}.log" for part in ("supervisor", "server", "reports", "serve", "review", "mlflow", "worker")),
)
"""Logs that grow with every run."""

IMAGES_FOLDER = "images"
"""Folder of the images inside their stage, so that the stage's own record is not among them."""

MANIFEST_NAME = "manifest.parquet"
FOLDER_NAMES_NAME = "folder_names.json"
CARVED_NAME = "carved.json"
VOTES_MATCH_NAME = "votes.json"
CROWD_NAME = "crowd.json"
SUMMARY_NAME = "summary.json"
QUARANTINE_NAME = "quarantine.parquet"
COMPARISON_NAME = "splits.json"
PROFILE_NAME = "profile.json"
DATASHEET_NAME = "datasheet.md"
CHANGE_NAME = "change.json"
CHANGED_IMAGES_NAME = "changed_images.parquet"
AUDIT_NAME = "audit.json"
SUSPECTS_NAME = "suspects.csv"
DECISION_NAME = "decision.json"
RESULTS_NAME = "results.json"
