"""What they said: open answers to mentions, each a code in one place of one answer, traceable to a rule or a person.

Rules are the first of three sources. Human codings and the suggestions of a model are mentions too, of the source
``person`` and ``model``: they need another reader, not another table.
"""

from kzsurvey.coding.codings.actions import Actions, Entry, entry, fingerprint, read_actions
from kzsurvey.coding.codings.replaying import State, replay
from kzsurvey.coding.codings.standing import Codings, read_codings, stand
from kzsurvey.coding.codings.writing import record
from kzsurvey.coding.intercoder.agreement import COEFFICIENTS, agreement, confusion, confusion_matrix
from kzsurvey.coding.intercoder.unitising import unitising_alpha
from kzsurvey.coding.rules.examples import example_faults
from kzsurvey.coding.rules.mentions import code, code_texts
from kzsurvey.coding.rules.rules import Found, Rule, Rules, compile_rules
from kzsurvey.coding.rules.text import Folded, fold
from kzsurvey.coding.versions.steps import codebook_version, codes_at

__all__ = [
    "COEFFICIENTS",
    "Actions",
    "Codings",
    "Entry",
    "Folded",
    "Found",
    "Rule",
    "Rules",
    "State",
    "agreement",
    "code",
    "code_texts",
    "codebook_version",
    "codes_at",
    "compile_rules",
    "confusion",
    "confusion_matrix",
    "entry",
    "example_faults",
    "fingerprint",
    "fold",
    "read_actions",
    "read_codings",
    "record",
    "replay",
    "stand",
    "unitising_alpha",
]
