"""What they said: open answers to mentions, each a code in one place of one answer, traceable to a rule or a person.

Rules are the first of three sources. Human codings and the suggestions of a model are mentions too, of the source
``person`` and ``model``: they need another reader, not another table.
"""

from kzsurvey.coding.intercoder.agreement import COEFFICIENTS, agreement, confusion, confusion_matrix
from kzsurvey.coding.intercoder.unitising import unitising_alpha
from kzsurvey.coding.rules.examples import example_faults
from kzsurvey.coding.rules.mentions import code, code_texts
from kzsurvey.coding.rules.rules import Found, Rule, Rules, compile_rules
from kzsurvey.coding.rules.text import Folded, fold
from kzsurvey.coding.suggestions.judging import Judged, judge_suggestions, learning_curve, reliability
from kzsurvey.coding.suggestions.learning import Suggester, learn_suggestions, suggestion_probabilities
from kzsurvey.coding.suggestions.queueing import next_answers
from kzsurvey.coding.suggestions.suggesting import explain, suggest

__all__ = [
    "COEFFICIENTS",
    "Folded",
    "Found",
    "Judged",
    "Rule",
    "Rules",
    "Suggester",
    "agreement",
    "code",
    "code_texts",
    "compile_rules",
    "confusion",
    "confusion_matrix",
    "example_faults",
    "explain",
    "fold",
    "judge_suggestions",
    "learn_suggestions",
    "learning_curve",
    "next_answers",
    "reliability",
    "suggest",
    "suggestion_probabilities",
    "unitising_alpha",
]
