"""A coder in a process of its own: codes answers one after the other and says each number once it is on disk."""

import sys

from kzsurvey.coding import entry, record
from kzsurvey.survey import read_survey


def main(folder: str, count: str, coder: str = "ann") -> None:
    """Code, and print the numbers of the actions that were acknowledged."""
    survey = read_survey(folder)
    for place in range(int(count)):
        text = f"摊位费年年涨，客人也少 {place}"
        made = entry("add", f"M{place % 20 + 1:02}", "troubles", text, start=0, end=6, code="T1.1")
        made = record(survey, coder, made)
        print(made["number"].iloc[0], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
