"""What a survey is once its folder has been read: frozen records, the only thing the other stages know of a survey."""

import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

QUESTION_TYPES = (
    "integer", "decimal", "text", "date", "time", "datetime", "select_one", "select_multiple", "calculate", "note",
)  # fmt: skip
# why a question has no value: the skip logic left it out; nothing was said; two things a person can say instead; what
# was said cannot stand, or cannot be read any more; the delivered file has no column for the question
MISSING_REASONS = ("not_asked", "no_answer", "dont_know", "refused", "invalid", "lost", "not_delivered")
_NOTHING: "Mapping[str, Any]" = MappingProxyType({})


@dataclass(frozen=True)
class Delivered:
    """One file as a field team sent it.

    Attributes
    ----------
    path : Path
        Absolute or relative to the working folder; exists.
    sheet, encoding, separator : str
        Empty means: find out, and say what was found.
    sha256 : str
        Empty, or what the file must hash to.
    columns : mapping of delivered header to question name
        For headers that are neither a question's name nor its label. Where several columns have one header,
        ``"Header#2"`` is the second of them, here and among the headers to ignore.
    header_row : int
        Row of the headers, the first row is 1.
    where : mapping of column header to a value, or to a tuple of values
        Only rows with one of these values are answers (one wave of a panel file, say); ``"*"`` is any value at all,
        so that only rows without one are left out. Empty means all rows.
    """

    path: Path
    sheet: str = ""
    encoding: str = ""
    separator: str = ""
    sha256: str = ""
    columns: "Mapping[str, str]" = field(default_factory=lambda: _NOTHING)
    header_row: int = 1
    where: "Mapping[str, str | tuple[str, ...]]" = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class Model:
    """One declared model: what is linked with what, decided before the data are seen.

    Attributes
    ----------
    name : str
    kind : str
        A key of ``kzsurvey.modelling.ESTIMATORS``: ``linear``, ``logistic``, ...
    formula : str
        Wilkinson formula over the columns of ``analysis``: ``"workload ~ vacancy_share + inspections"``; of ``paths``,
        the syntax of the model, as many lines as it has.
    hypothesis : str
        ``"H2"``; empty for a model outside the declared family.
    term : str
        The term of the formula that the hypothesis is about.
    expected : str
        ``positive``, ``negative`` or empty.
    where : str
        XLSForm expression for the domain the model is about; empty means everybody asked.
    imputed : bool
        Answers that were asked for and not given are imputed, as ``[imputation]`` says, and the results pooled.
    title, text : mapping of language to words
        Short title, and the hypothesis in a sentence.
    options : mapping
        Whatever else the declaration says; each kind checks its own.
    """

    name: str
    kind: str
    formula: str
    hypothesis: str = ""
    term: str = ""
    expected: str = ""
    where: str = ""
    imputed: bool = False
    title: "Mapping[str, str]" = field(default_factory=lambda: _NOTHING)
    text: "Mapping[str, str]" = field(default_factory=lambda: _NOTHING)
    options: "Mapping[str, Any]" = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True)
class Scheme:
    """One list of codes and the open questions it is applied to."""

    name: str
    questions: tuple[str, ...]
    title: "Mapping[str, str]" = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, eq=False)
class Survey:
    """One survey: what was asked, of whom, how answers are written, what they are made into. Never changed.

    Attributes
    ----------
    name : str
        Short name; also the name of its folder and of the folder of everything made from it.
    folder : Path
        The definition; a build never writes there.
    wave : str
    simulated : bool
        True until real answers are in: every report and figure says so.
    languages : mapping of language code to the word after ``::`` in the form
        ``{"zh": "中文", "en": "English"}``; the first is the default.
    title : mapping of language to text
    interview : mapping
        Which questions play a part of their own: ``id`` (always), ``respondent``, ``interviewer``, ``date``,
        ``start``, ``end``; also ``shortest_minutes``, ``near_duplicate`` (0-1).
    missing : mapping of reason to the tuple of written answers that mean it
        Reasons as in MISSING_REASONS. A number in here (``99``) means it only where the question's constraint
        does not allow that number. A word that is the name or the label of an option makes that option a reason: it is
        no answer any more, see :meth:`missing_options`.
    places : tuple of str
        select_one questions whose answers are matched as names of places (spelling, old names, aliases).
    sample : mapping
        ``strata``, ``clusters`` (tuples of questions; clusters from the first stage down), ``weight`` (a question or
        empty), ``population`` (questions, one per stage, or empty), ``lonely`` (fail, certainty, adjust, average).
    weighting : mapping
        ``method`` (``raking``, ``poststratification``, ``linear``, ``logit`` or empty), ``margins`` (tuple of frame
        variables), ``bounds`` (low, high) or empty.
    schemes : mapping of name to Scheme
    models : mapping of name to Model
    delivered : tuple of Delivered
    ignored_columns : tuple of str
        Delivered headers that are known and not wanted.
    smallest_cell : int
        The smallest count of interviews that may be published.
    reports : mapping
        ``notebooks`` (tuple of file names; empty means all), ``titles`` (per notebook stem, per language), ``groups``
        (questions that results are broken down by; where not set, the first of the strata and places).
    settings : mapping
        survey.toml as read, for sections that a single stage owns.
    questions : DataFrame, one row per question, index ``name``
        Columns ``type``, ``list_name``, ``label_<language>``, ``hint_<language>``, ``group``, ``required``,
        ``relevant`` (own and inherited from groups, joined by and), ``constraint``, ``constraint_message_<language>``,
        ``choice_filter``, ``calculation``, ``unit``, ``level`` (nominal, ordinal, interval, ratio or empty),
        ``sensitivity`` (none, quasi, direct, special), ``file``, ``row``. Text; empty means none.
    choices : DataFrame, one row per answer option
        Columns ``list_name``, ``name``, ``label_<language>``, ``aliases`` (tuple), ``file``, ``row``; filter columns.
    codes : DataFrame, one row per code, index ``code``
        Columns ``scheme``, ``parent``, ``name_<language>``, ``definition_<language>``, ``use_when``, ``not_when``,
        ``example``, ``pattern``, ``exclude``, ``file``, ``row``. Empty where the survey has no codebook.
    lexicon : DataFrame, one row per word list, index ``name``
        Column ``pattern``: what ``{name}`` stands for inside the patterns of ``codes``; ``file``, ``row``.
    phrases : DataFrame, one row per phrase and code
        Columns ``code``, ``phrase``, ``weight``: what a character or a pair of them speaks for. Often empty.
    steps : DataFrame, one row per step from one version of the codebook to the next
        Columns ``version`` (from 2), ``step`` (add, merge, split, move, rename, retire, redefine), ``code``, ``into``,
        ``parent``, ``scheme``, ``reason``, ``who``, ``when``, ``file``, ``row``. Empty while the codebook is the first.
    measures : DataFrame, one row per scale, index ``measure``
        Columns ``label_<language>``, ``items`` (tuple), ``reversed`` (tuple), ``rule`` (mean, sum), ``smallest`` (int),
        ``low``, ``high`` (range of an item, used to reverse), ``unit``, ``file``, ``row``.
    frame : DataFrame, one row per known count
        Columns ``variable``, ``value``, ``count``, ``source``, ``file``, ``row``.
    corrections : DataFrame, one row per hand correction
        Columns ``interview``, ``question``, ``old``, ``new``, ``reason``, ``who``, ``when``, ``file``, ``row``.
        ``question`` empty and ``new`` ``remove``: the whole interview is taken out. ``question`` may be one option of a
        select_multiple, ``water.borehole`` or ``water__borehole``; ``old`` and ``new`` are then 1 or 0 (true or false).
        ``old`` is what was delivered, an empty cell where nothing was, or ``*`` for whatever stands there.
    words : DataFrame, one row per word the reports use, index ``key``
        Columns per language: the survey's own translations, over those of the library. Often empty.
    """

    name: str
    folder: Path
    wave: str
    simulated: bool
    languages: "Mapping[str, str]"
    title: "Mapping[str, str]"
    interview: "Mapping[str, Any]"
    missing: "Mapping[str, tuple[str, ...]]"
    places: tuple[str, ...]
    sample: "Mapping[str, Any]"
    weighting: "Mapping[str, Any]"
    schemes: "Mapping[str, Scheme]"
    models: "Mapping[str, Model]"
    delivered: tuple[Delivered, ...]
    ignored_columns: tuple[str, ...]
    smallest_cell: int
    reports: "Mapping[str, Any]"
    settings: "Mapping[str, Any]"
    questions: "pd.DataFrame"
    choices: "pd.DataFrame"
    codes: "pd.DataFrame"
    lexicon: "pd.DataFrame"
    phrases: "pd.DataFrame"
    steps: "pd.DataFrame"
    measures: "pd.DataFrame"
    frame: "pd.DataFrame"
    corrections: "pd.DataFrame"
    words: "pd.DataFrame"

    @property
    def root(self) -> Path:
        """The project's folder: the one above ``data/raw``, or else the one the survey's folder lies in."""
        above = self.folder.parent
        return above.parents[1] if (above.parent.name, above.name) == ("data", "raw") else above

    @property
    def processed(self) -> Path:
        """Where a build writes the tables."""
        return self.root / "data" / "processed" / self.name

    @property
    def report_folder(self) -> Path:
        """Where reports are written, a folder per language below it."""
        return self.root / "reports" / self.name

    def options(self, question: str) -> "pd.DataFrame":
        """Answer options of a question, in the order of the form: rows of ``choices`` indexed by ``name``.

        An option that is offered under several values of a filter is here once, as it first stands in the form. Options
        that ``missing`` names are left out: they are reasons for having no answer, and rank beside no answer.
        """
        return self.offered(question).drop(index=list(self.missing_options(question)))

    def offered(self, question: str) -> "pd.DataFrame":
        """Everything the form lets people choose: ``options``, and those that mean there is no answer."""
        lists, name = self._lists, self.questions.at[question, "list_name"]
        return lists[name].copy(deep=False) if name in lists else self.choices.iloc[:0].set_index("name")

    def missing_options(self, question: str) -> "Mapping[str, str]":
        """Options of a question that ``missing`` names, by name or label: option to reason."""
        return self._reasons.get(self.questions.at[question, "list_name"], _NOTHING)

    @cached_property
    def _lists(self) -> "dict[str, pd.DataFrame]":
        """The options of each list; looked up for every question, so cut once."""
        lists = self.choices.groupby("list_name", sort=False)
        return {name: options.drop_duplicates("name").set_index("name") for name, options in lists}

    @cached_property
    def _reasons(self) -> "dict[str, dict[str, str]]":
        """For each list, its options that are reasons for having no answer."""
        reasons = {_plain(word): reason for reason, words in self.missing.items() for word in words}
        labels = [f"label_{language}" for language in self.languages]
        found: dict[str, dict[str, str]] = {name: {} for name in self._lists}
        for name, options in self._lists.items():
            for option, *written in options[labels].itertuples():
                named = [reasons[form] for form in map(_plain, filter(None, (option, *written))) if form in reasons]
                found[name] |= {option: named[0]} if named else {}
        return found

    def label(self, question: str, language: str) -> str:
        """The wording of a question, or of a measure; its name where the form has none in this language."""
        for table in (self.questions, self.measures):
            if question in table.index:
                return table.at[question, f"label_{language}"] or question
        return question


def _plain(written: str) -> str:
    """A word in ordinary width, lower case, without spaces."""
    return "".join(unicodedata.normalize("NFKC", written).casefold().split())
