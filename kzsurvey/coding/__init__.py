"""What they said: open answers to mentions, each a code in one place of one answer, traceable to a rule or a person.

Rules are the first of three sources. Human codings and the suggestions of a model are mentions too, of the source
``person`` and ``model``: they need another reader, not another table.
"""

from kzsurvey.coding.exploring.contexts import concordance
from kzsurvey.coding.exploring.frequent import frequent_phrases, phrase_table
from kzsurvey.coding.intercoder.agreement import COEFFICIENTS, agreement, confusion, confusion_matrix
from kzsurvey.coding.intercoder.unitising import unitising_alpha
from kzsurvey.coding.rules.deciding import Found
from kzsurvey.coding.rules.examples import example_faults
from kzsurvey.coding.rules.mentions import code, code_texts
from kzsurvey.coding.rules.rules import Rule, Rules, compile_rules
from kzsurvey.coding.rules.text import Folded, fold
from kzsurvey.coding.rules.tracing import trace_rules

__all__ = [
    "COEFFICIENTS",
    "Folded",
    "Found",
    "Rule",
    "Rules",
    "agreement",
    "code",
    "code_texts",
    "compile_rules",
    "concordance",
    "confusion",
    "confusion_matrix",
    "example_faults",
    "fold",
    "frequent_phrases",
    "phrase_table",
    "trace_rules",
    "unitising_alpha",
]
