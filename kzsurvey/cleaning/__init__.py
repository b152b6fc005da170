"""What was answered: delivered files to typed interviews, with every finding and every change listed."""

from kzsurvey.cleaning.answers import answer_screen, read_answers
from kzsurvey.cleaning.cleaned import Cleaned, clean
from kzsurvey.cleaning.kinds import KINDS

__all__ = ["KINDS", "Cleaned", "answer_screen", "clean", "read_answers"]
