"""What they said: open answers to mentions, each a code in one place of one answer, traceable to a rule or a person.

Rules are the first of three sources. Human codings and the suggestions of a model are mentions too, of the source
``person`` and ``model``: they need another reader, not another table.
"""

from kzsurvey.coding.codings.actions import Actions, Entry, entry, fingerprint, read_actions
from kzsurvey.coding.codings.deciding import disagreements, final_codes, human_codes, human_shares
from kzsurvey.coding.codings.exports import case_by_code, code_by_code, quotes
from kzsurvey.coding.codings.mentioned import with_people
from kzsurvey.coding.codings.merging import merge_codings
from kzsurvey.coding.codings.rated import coded_when, coder_marks, coder_sets, coding_agreement
from kzsurvey.coding.codings.replaying import State, replay
from kzsurvey.coding.codings.sheets import import_codings
from kzsurvey.coding.codings.standing import Codings, codings_faults, read_codings, stand
from kzsurvey.coding.codings.writing import record
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
from kzsurvey.coding.suggestions.decisions import human_labels, open_answers
from kzsurvey.coding.suggestions.judging import Judged, judge_suggestions, learning_curve, suggestion_reliability
from kzsurvey.coding.suggestions.learning import Suggester, learn_suggestions, suggestion_probabilities
from kzsurvey.coding.suggestions.queueing import next_answers
from kzsurvey.coding.suggestions.suggesting import explain, suggest
from kzsurvey.coding.versions.steps import codebook_version, codes_at

__all__ = [
    "COEFFICIENTS",
    "Actions",
    "Codings",
    "Entry",
    "Folded",
    "Found",
    "Judged",
    "Rule",
    "Rules",
    "State",
    "Suggester",
    "agreement",
    "case_by_code",
    "code",
    "code_by_code",
    "code_texts",
    "codebook_version",
    "coded_when",
    "coder_marks",
    "coder_sets",
    "codes_at",
    "coding_agreement",
    "codings_faults",
    "compile_rules",
    "concordance",
    "confusion",
    "confusion_matrix",
    "disagreements",
    "entry",
    "example_faults",
    "explain",
    "final_codes",
    "fingerprint",
    "fold",
    "frequent_phrases",
    "human_codes",
    "human_labels",
    "human_shares",
    "import_codings",
    "judge_suggestions",
    "learn_suggestions",
    "learning_curve",
    "merge_codings",
    "next_answers",
    "open_answers",
    "phrase_table",
    "quotes",
    "read_actions",
    "read_codings",
    "record",
    "replay",
    "stand",
    "suggest",
    "suggestion_probabilities",
    "suggestion_reliability",
    "trace_rules",
    "unitising_alpha",
    "with_people",
]
