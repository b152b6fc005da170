"""What a notebook knows about the report it is part of: one survey, one language, the tables of a build.

The notebook names a survey and a language in plain sight; whoever runs it for another one says so in the environment
(``KZ_SURVEY``, ``KZ_LANGUAGE``), and the notebook stays as it is.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from kzsurvey import tables
from kzsurvey.errors import Fault, ReportError
from kzsurvey.reporting import words
from kzsurvey.survey import Survey, read_survey

MIME = "application/vnd.kzsurvey.report+json"
FACTORS = re.compile(r":(?![^(\[]*[)\]])")  # between the factors of a product, not inside brackets
FACTOR = re.compile(r"(?P<expression>.+?)(?:\[T?\.?(?P<option>[^\]]*)\])?", re.DOTALL)
CODED = re.compile(r"(?:C|center)\(\s*(?P<name>\w+)\s*(?:,.*)?\)", re.DOTALL)  # how it is taken, not what it is
VARIABLE = re.compile(r"(?<![\w.])(?P<name>[^\W\d]\w*)(?![\w.]*\()(?P<power>\s*\*\*\s*)?")
MATERIAL = ("codes", "frame", "measures", "models")
EXPORTER_WORDS = (
    "contents", "skip", "simulated", "simulated_banner", "figure_number", "table_number", "number_end", "made_with",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Report:
    """One survey in one language.

    Attributes
    ----------
    survey : Survey
    language : str
        Labels are in this language; prose too, where a notebook has prose in it, else in English.
    """

    survey: Survey
    language: str

    def processed(self, name: str) -> pd.DataFrame:
        """One of the six tables of the build."""
        return tables.read_processed(self.survey, name)

    def word(self, key: str) -> str:
        """A word of ``words.csv``; the key itself where there is none."""
        return words.word(key, self.language, self.survey)

    def text(self, texts: Mapping[str, str] | str) -> str:
        """The text in the report's language, else in English, else the first."""
        return words.pick(texts, self.language)

    def label(self, name: str) -> str:
        """What to call a question, a measure, a code or its column: in the survey's words, else in the form's."""
        survey = self.survey
        if name in survey.words.index:
            return self.word(name)
        code = code_columns(survey).get(name, name)
        if code in survey.codes.index:
            return f"{code} {_worded(survey.codes.loc[code], 'name', self)}".strip()
        for table in (survey.questions, survey.measures):
            if name in table.index:
                return _worded(table.loc[name], "label", self) or name
        return self.word(name)

    def head(self, name: str) -> str:
        """Label and, where there is one, unit: the head of a column, the name of an axis."""
        label, unit = self.label(name), self.unit(name)
        return self.word("with_unit").format(label=label, unit=unit) if unit else label

    def term(self, term: str) -> str:
        """A term of a model in words: ``C(level)[T.village]`` is the question and the option, ``:`` is a product.

        A function of a variable is shown, but for ``C`` and ``center``: of ``np.log(pay)``, ``pay`` is put in words.
        """
        return " × ".join(_factor(FACTOR.fullmatch(factor), self) for factor in FACTORS.split(term))

    def labels(self, names: "pd.Index | list[str]") -> pd.Series:
        """Labels of several questions, measures or codes, indexed by their names."""
        return pd.Series({name: self.label(name) for name in names}, dtype="str")

    def options(self, question: str) -> pd.Series:
        """Labels of the answer options of a question, indexed by option, in the order of the form."""
        options = self.survey.options(question)
        return pd.Series({name: _worded(row, "label", self) or name for name, row in options.iterrows()}, dtype="str")

    def unit(self, name: str) -> str:
        """Unit of a question or a measure; empty where it has none."""
        for table in (self.survey.questions, self.survey.measures):
            if name in table.index and table.at[name, "unit"]:
                unit = table.at[name, "unit"]
                found = self.word(f"unit_{unit}")
                return unit if found == f"unit_{unit}" else found
        return ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        """Head of the report for people, and what the exporter must know about the page."""
        survey = self.survey
        title, banner = self.text(survey.title) or survey.name, self.word("simulated_banner")
        lines = [
            f'<p class="kz-study"><bdi lang="{escape(self.language)}">{escape(title)}</bdi> {escape(survey.wave)}</p>'
        ]
        if survey.simulated:
            lines.append(f'<p class="kz-simulated" role="note">{escape(banner)}</p>')
        twin = {
            "survey": survey.name,
            "wave": survey.wave,
            "title": title,
            "language": self.language,
            "simulated": survey.simulated,
            "titles": {stem: self.text(texts) for stem, texts in survey.reports.get("titles", {}).items()},
            "has": sorted(name for name in MATERIAL if len(getattr(survey, name))),
            "words": {key: self.word(key) for key in EXPORTER_WORDS},
        }
        plain = f"{title} {survey.wave}" + (f" - {banner}" if survey.simulated else "")
        return {"text/html": "\n".join(lines), MIME: twin, "text/plain": plain}


def open_report(survey: str | Path, *, language: str = "") -> Report:
    """Open a survey for reporting.

    Parameters
    ----------
    survey : path
        Folder of the definition; a relative one is looked for from the working folder upwards, so a notebook runs from
        its own folder and from the project's. ``KZ_SURVEY`` in the environment takes its place.
    language : str
        One of the survey's languages; the first where none is named. ``KZ_LANGUAGE`` in the environment takes its
        place.

    Returns
    -------
    Report
        As the last line of a cell it shows the study's title and, while answers are simulated, says so.

    Raises
    ------
    DefinitionError
        The definition has faults, or there is none.
    ReportError
        The survey has no such language.

    Examples
    --------
    >>> report = open_report("tests/surveys/data/raw/market", language="en")
    >>> report.language
    'en'
    """
    read = read_survey(_looked_up(os.environ.get("KZ_SURVEY") or survey))
    chosen = os.environ.get("KZ_LANGUAGE") or language or next(iter(read.languages))
    if chosen not in read.languages:
        raise ReportError(Fault(f"{read.folder}/survey.toml", f"no language {chosen!r}", ", ".join(read.languages)))
    return Report(read, chosen)


def code_columns(survey: Survey) -> dict[str, str]:
    """Columns of ``analysis`` that say whether a code was given, and the code of each."""
    return {f"code_{code.replace('.', '_')}": code for code in survey.codes.index}


def _factor(factor: re.Match, report: Report) -> str:
    """One factor of a term, and the option it stands for."""
    coded = CODED.fullmatch(factor["expression"])
    name, option = coded["name"] if coded else factor["expression"], factor["option"]
    if option is None:
        return _expression(name, report)
    known = report.options(name) if name in report.survey.questions.index else {}
    return f"{_expression(name, report)}: {known.get(option, option)}"


def _expression(text: str, report: Report) -> str:
    """A variable, or a function of variables, by what the variables are called."""

    def called(variable: re.Match) -> str:
        label = report.label(variable["name"])
        return f"({label})**" if variable["power"] else label

    if text.isidentifier() or not VARIABLE.search(text):
        return report.label(text)
    inner = text[2:-1] if text.startswith("I(") and text.endswith(")") else text.replace("np.", "")
    return VARIABLE.sub(called, inner).replace("**2", "²").replace("**3", "³").replace("**", "^").replace("*", "×")


def _looked_up(folder: str | Path) -> Path:
    """A relative folder, found from the working folder upwards."""
    folder, here = Path(folder), Path.cwd()
    places = [folder] if folder.is_absolute() else [place / folder for place in (here, *here.parents)]
    return next((place for place in places if place.exists()), folder)


def _worded(row: pd.Series, column: str, report: Report) -> str:
    """The label of one row in the report's language, else in English, else in the first language that has it."""
    texts = {code: row.get(f"{column}_{code}", "") for code in report.survey.languages}
    return report.text(texts)
