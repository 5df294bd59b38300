"""Form of policies: one choice for each rule, what to do about a breach of it."""

from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from data.base.record import Record
from data.quality.cleaning import CleaningPolicy
from data.quality.rules import RULES, choose_switches
from expectations.rules import DataRules

RULE_ON_CHANGE = "similar_to_last"
"""The rule that compares two data sets; it does not apply to a single data set."""

_FIELDS: dict[str, Any] = {
    rule.name: (rule.choices, Field(default=rule.default, description=rule.breach))
    for rule in sorted(RULES.values(), key=lambda rule: not rule.found)  # single images first, then whole data sets
}
_Choices = create_model("_Choices", __base__=Record, **_FIELDS)


class RulePolicies(_Choices):
    """What to do if a rule is broken: stop the run, set the images aside, warn, or do not check."""

    if TYPE_CHECKING:  # the fields come from the table

        def __getattr__(self, rule: str) -> Any: ...


def policies_to_rules(
    policies: RulePolicies, rules: DataRules = DataRules(), cleaning: CleaningPolicy = CleaningPolicy()
) -> tuple[DataRules, CleaningPolicy]:
    """Translate these choices into rules and a cleaning policy.

    Args:
        policies: one choice for each rule.
        rules: bounds and profile are kept; what it tolerates, insists on and leaves unchecked is replaced.
        cleaning: its threshold is kept; the switches of the faults are replaced.

    Returns:
        Rules and policy for `expectations.judge.judge_data_set`. A rule set to fail keeps its switch on: the run
        stops on the data as published, and the verdict after cleaning shows what setting images aside would leave.

    Example:
        >>> rules, cleaning = policies_to_rules(RulePolicies(not_blank="fail", one_label_per_image="warn"))
        >>> rules.severity_of("not_blank"), rules.severity_of("one_label_per_image")
        ('critical', 'warning')
        >>> cleaning.blank, cleaning.label_conflict
        (True, False)
    """
    chosen = policies.model_dump(exclude={RULE_ON_CHANGE})
    choices = {
        "tolerated": tuple(rule for rule, choice in chosen.items() if choice == "warn"),
        "insisted": tuple(rule for rule, choice in chosen.items() if choice == "fail"),
        "unchecked": tuple(rule for rule, choice in chosen.items() if choice == "off"),
    }
    return rules.model_copy(update=choices), cleaning.model_copy(update=choose_switches(chosen))
