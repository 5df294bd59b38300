"""Tags of this project on the runs, models and versions in MLflow: their names and the tags of a version."""

REPORT_TAG = "emotion.report"
"""Key of the report in the workspace."""

WORKSPACE_TAG = "emotion.workspace"
"""Id of the workspace that wrote the run, model or version."""

VARIANT_TAG = "emotion.variant"
"""Key of the training in the workspace."""

NAME_TAG = "emotion.variant_name"
DECISION_TAG = "emotion.decision"

SYNTHETIC_TAG = "emotion.synthetic"
"""Tag of a version: "true" if it was trained on generated images, else "false"."""

MODEL_TAG = "emotion.model"
"""Tag of a version: id of its logged model, which MLflow's database does not return with a version."""

REGISTRY_TAG = "emotion.registry"
"""Tag of the registered model: an id that stays the same whichever URI leads to the registry."""

CHAMPIONS_TAG = "emotion.champions"
"""Tag of the registered model: the champions that rollbacks go back through, the present one last, as a JSON list. All
workspaces on one registry share it."""

CHAMPION_TAGS = "emotion.champion."
"""Prefix of the tags of a version that say when, by whom and why it became champion."""

ROLLED_BACK_TAG = f"{CHAMPION_TAGS}rolled_back"
"""Tag of a version: when a rollback took it out of use; empty if it became champion since."""

FORMER_CHAMPION_TAGS = ("emotion.champion.until", "emotion.champion.next")
"""Tags of a version that is no longer champion; empty if it became champion again."""


def version_tags(
    variant_key: str,
    variant_name: str,
    report: str,
    workspace_id: str,
    decision: str = "",
    synthetic: bool = False,
) -> dict[str, str]:
    """Make the tags that lead from a version to its training, its workspace, the report, and the decision."""
    tags = {
        VARIANT_TAG: variant_key,
        NAME_TAG: variant_name,
        REPORT_TAG: report,
        WORKSPACE_TAG: workspace_id,
        SYNTHETIC_TAG: str(synthetic).lower(),
    }
    return {**tags, DECISION_TAG: decision} if decision else tags
