"""What follows the trainings of a run: the decision on the champion, the report, MLflow, and the champion's move."""

from data.records import VariantResult
from data.workspace import Produced, Workspace
from models.promotion import PromotionPolicy
from tasks.children import training_children
from tasks.decide import decide_on_champion, read_outcome
from tasks.promote import carry_out, settle_moves
from tasks.report import ReportedStages, RunFacts, publish_report
from tasks.stages import record_of
from tasks.track import track_report


def publish(
    facts: RunFacts,
    stages: ReportedStages,
    variants: list[VariantResult],
    policy: PromotionPolicy,
    workspace: Workspace,
) -> Produced:
    """Decide, report, write into MLflow, and carry the decision out; an MLflow that is away costs the run nothing.

    Returns:
        The report.
    """
    with training_children() as children:
        settle_moves(workspace, return_state=True)
        decided = decide_on_champion(variants, stages, policy, workspace, children, return_state=True)
        decision, undecided = read_outcome(decided)
        report = record_of(publish_report(facts, stages, variants, workspace, decision, undecided))
        track_report(report, workspace, children)
        if decision:
            carry_out(decision, variants, report, workspace, children, return_state=True)
    return report
