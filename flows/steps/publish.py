"""Steps after the trainings of a run: decide, report, track, promote, prune."""

from prefect import get_run_logger
from prefect.futures import PrefectFuture
from prefect.settings import PREFECT_API_URL
from prefect.task_runners import ThreadPoolTaskRunner

from data.base.errors import TransientError
from data.records.training import VariantResult
from data.shared_store.objects import StoreUnavailable
from data.shared_store.transfer import tell_needs
from data.workspace.layout import VARIANTS_STAGE
from data.workspace.reachability import PrunePolicy
from data.workspace.store import Produced, Workspace
from flows.server.shared import ends_with_its_runs
from flows.settings import Settings
from models.export.find import find_export
from models.export.reported import Reported, find_reported
from models.promotion.policy import PromotionPolicy
from models.registry.champion import ModelRegistry
from models.registry.lookup import find_version
from models.registry.model_names import name_model
from models.registry.prune import MlflowPruner
from models.registry.tags import REPORT_TAG, VARIANT_TAG
from tasks.dataset.validate import load_summary
from tasks.publish.decide import decide_on_champion, read_outcome
from tasks.publish.export import export_variant
from tasks.publish.housekeeping import prune_after_run
from tasks.publish.promote import apply_decision, recover_interrupted_moves
from tasks.publish.report import publish_report
from tasks.publish.run_results import ReportedStages, RunFacts, load_decision
from tasks.publish.track import track_report
from tasks.publish.truths import judge_variants
from tasks.support.child_processes import Children, training_children
from tasks.support.outcomes import record_of


def prune_after_flow(settings: Settings, workspace: Workspace) -> None:
    """Remove everything that neither the newest reports nor the champion need, unless the settings say never.

    A failure does not fail the run. If MLflow, which knows the champion, is unreachable, nothing is removed.

    Args:
        settings: number of reports that stay.
        workspace: workspace of the running flow.
    """
    if settings.keep_reports:
        try:
            protected = ModelRegistry(workspace.root).protected_keys()
        except TransientError as error:
            get_run_logger().warning("nothing is pruned, since the champion is not known: %s", error)
            return
        policy = PrunePolicy(keep=settings.keep_reports, protected=protected)
        _tell_store(settings, workspace, policy)
        owns_server = ends_with_its_runs(PREFECT_API_URL.value() or "", workspace.root)
        prune_after_run(workspace, policy, owns_server, [MlflowPruner(workspace.root, workspace.id)], return_state=True)


def _tell_store(settings: Settings, workspace: Workspace, policy: PrunePolicy) -> None:
    """Tell the store of several hosts what stays here, so that no other host removes it there."""
    if settings.store:
        try:
            tell_needs(settings.open_store(), workspace, policy)
        except StoreUnavailable as error:
            get_run_logger().warning("the store does not know yet what this workspace needs: %s", error)


def publish(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    policy: PromotionPolicy,
    workspace: Workspace,
) -> Produced:
    """Decide on the champion, export it, report, write into MLflow, and apply the decision.

    The formats are written while the report's figures are computed. They are in it, and are there before the alias
    moves: who follows the champion finds them at once. If MLflow is unreachable, or the export fails, the run still
    succeeds.

    Returns:
        The report.
    """
    # The children end before the task runner is left, since leaving it waits for its thread.
    with ThreadPoolTaskRunner(max_workers=1) as runner, training_children() as children:
        variants = judge_variants(variants, stages.dataset, stages.truth)
        recover_interrupted_moves(workspace, return_state=True)
        outcome = read_outcome(decide_on_champion(variants, stages, policy, workspace, children, return_state=True))
        export = start_export(outcome.decision, stages, workspace, children, runner) if outcome.decision else None
        report = record_of(publish_report(facts, stages, variants, workspace, outcome, export.wait if export else None))
        track_report(report, workspace, children)
        if export:
            export.wait()
        if outcome.decision:
            apply_decision(outcome.decision, variants, report, workspace, children, return_state=True)
    return report


def start_export(
    decision: Produced, stages: ReportedStages, workspace: Workspace, children: Children, runner: ThreadPoolTaskRunner
) -> PrefectFuture | None:
    """Begin to export the challenger; if the champion stays, export that one unless it has an export already.

    The challenger's figures are by the labels of this run, the champion's by those of the report that registered it.
    """
    decided = load_decision(decision)
    stays = decided.outcome == "keep"
    exported, reported = decided.challenger, Reported(stages.truth, stages.dataset.key)
    if stays:
        if not decided.champion:
            return None
        exported = decided.champion
        reported = find_registered(exported.key, name_model(load_summary(stages.dataset).data_format), workspace)
        if not lacks_export(exported.key, workspace, reported):
            return None
    inputs = {"name": exported.variant, "key": exported.key, "workspace": workspace, "children": children}
    return runner.submit(export_variant, {**inputs, "reported": reported})


def find_registered(key: str, model: str, workspace: Workspace) -> Reported | None:
    """Find by which labels the report judged a training that the champion was registered with."""
    try:
        tags = find_version(workspace.root, model).tags
    except TransientError:
        tags = {}
    report = tags.get(REPORT_TAG, "") if tags.get(VARIANT_TAG) == key else ""
    return find_reported(workspace.root, key, report)


def lacks_export(key: str, workspace: Workspace, reported: Reported | None) -> bool:
    """Tell whether a training of this workspace has no export; that of another workspace is exported there."""
    return bool(workspace.find(VARIANTS_STAGE, key)) and find_export(workspace.root, key, reported) is None
