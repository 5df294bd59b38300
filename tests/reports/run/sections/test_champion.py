"""The section on the champion has a label for every criterion that a decision can have."""

import ast
import inspect

from models.promotion import decide
from reports.run.sections.champion import CRITERIA


def test_every_criterion_of_a_decision_has_a_label():
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(decide))) if isinstance(node, ast.Call))
    criteria = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Criterion"]
    values = [word.value for call in criteria for word in call.keywords if word.arg == "name"]
    names = {node.value for value in values for node in ast.walk(value) if isinstance(node, ast.Constant)}
    assert names and {name for name in names if isinstance(name, str)} <= CRITERIA.keys()
