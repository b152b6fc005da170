"""From the files of coders to how far they agree: the units and ratings that the coefficients take."""

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.coding.codings.deciding import decided_sets
from kzsurvey.coding.codings.standing import Codings
from kzsurvey.coding.intercoder.agreement import agreement
from kzsurvey.coding.versions.steps import codes_at
from kzsurvey.errors import CodingError, Fault
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

TEXT = ["interview", "question"]
PERIODS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


class Marks(NamedTuple):
    """What :func:`~kzsurvey.coding.unitising_alpha` takes.

    Attributes
    ----------
    spans : DataFrame, one row per span
        ``unit`` (``interview / question``), ``coder``, ``start``, ``end``, ``code``; a row without ``start`` where a
        coder read the answer and nothing applies.
    lengths : Series, code points of each unit
    clusters : Series, interview of each unit
    """

    spans: pd.DataFrame
    lengths: pd.Series
    clusters: pd.Series


def coder_sets(codings: Codings, survey: "Survey", *, scheme: str | None = None, top: bool = False) -> pd.DataFrame:
    """The codes that each coder gave to each answer.

    Parameters
    ----------
    codings : Codings
    survey : Survey
    scheme : str, optional
        Only its codes and questions; all where not given.
    top : bool
        Codes at the top of the tree instead of those given.

    Returns
    -------
    DataFrame, one row per answer (``interview``, ``question``), one column per coder
        Sets of codes, as :func:`~kzsurvey.coding.agreement` takes them: empty where the coder decided that nothing
        applies, missing where the coder did not decide the answer. Adjudications are no coder's.

    Raises
    ------
    CodingError
        Nobody has decided an answer; there is no such scheme.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T2")):
    ...     given = entry("add", "M01", "troubles", interviews.at["M01", "troubles"], code=code)
    ...     made = record(survey, coder, given)
    >>> codings = read_codings(survey, interviews)
    >>> coder_sets(codings, survey).map(sorted).to_dict("list")
    {'ann': [['T1.1']], 'ben': [['T2']]}
    """
    tree = codes_at(survey, codings.version)
    questions = _questions(survey, scheme)
    sets = decided_sets(codings)
    sets = sets[(sets["role"] == "coder") & sets["question"].isin(questions)]
    if sets.empty:
        hint = "a decision is a code, or the action nothing"
        raise CodingError(Fault("codings", "no answer that a coder has decided", "answers coded", hint=hint))
    kept = set(tree.index if scheme is None else tree.index[tree["scheme"] == scheme])
    shown = {code: _top(code, tree) if top else code for code in kept}
    cells = [frozenset(shown[code] for code in codes if code in kept) for codes in sets["codes"]]
    return sets.assign(cells=cells).set_index([*TEXT, "coder"])["cells"].unstack("coder").rename_axis(columns=None)  # noqa: PD010


def coded_when(codings: Codings, period: str) -> pd.Series:
    """When the answers were coded: the time of the last decision of a coder on each.

    Parameters
    ----------
    codings : Codings
    period : {"day", "week", "month", "codebook"}
        ``codebook``: the version that the last decision was made under.

    Returns
    -------
    Series, index ``interview`` and ``question``
        ``2026-11``, ``2026-W48`` ..., in UTC.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T2")):
    ...     given = entry("add", "M01", "troubles", interviews.at["M01", "troubles"], code=code)
    ...     made = record(survey, coder, given)
    >>> codings = read_codings(survey, interviews)
    >>> coded_when(codings, "codebook").to_dict()
    {('M01', 'troubles'): 1}
    """
    if period not in (*PERIODS, "codebook"):
        raise ValueError(f"period={period!r}: allowed are {', '.join(PERIODS)}, codebook")
    answers = codings.answers[codings.answers["decided"] & (codings.answers["role"] == "coder")]
    last = answers.groupby(TEXT)[["time", "codebook"]].max()
    if period == "codebook":
        return last["codebook"]
    return pd.to_datetime(last["time"]).dt.strftime(PERIODS[period]).astype("str").rename(period)


def coding_agreement(
    codings: Codings,
    survey: "Survey",
    *,
    scheme: str | None = None,
    top: bool = False,
    over: str | None = None,
    **options: object,
) -> pd.DataFrame:
    """How far coders agree on the codes of answers.

    Parameters
    ----------
    codings : Codings
    survey : Survey
    scheme, top : as of :func:`coder_sets`
    over : {"day", "week", "month", "codebook"}, optional
        Rows for each period in which answers were coded.
    options : those of :func:`~kzsurvey.coding.agreement`
        ``by`` ("code", "pair", "coder"), ``coefficients``, ``level`` ("masi", "jaccard") ... Intervals leave out whole
        interviews where not said otherwise (``clusters``).

    Returns
    -------
    DataFrame, as of :func:`~kzsurvey.coding.agreement`

    Raises
    ------
    CodingError
        Nobody has decided an answer; there is one coder only.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> folder = shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market")
    >>> survey = kz.read_survey(folder)
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> said = interviews["troubles"].dropna()
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T2")):
    ...     first = entry("add", said.index[0], "troubles", said.iloc[0], code=code)
    ...     others = [entry("nothing", name, "troubles", text) for name, text in said[1:].items()]
    ...     made = record(survey, coder, [first, *others])
    >>> found = coding_agreement(read_codings(survey, interviews), survey, coefficients="percent")
    >>> found[["coefficient", "estimate", "units"]].round(2).to_dict("records")
    [{'coefficient': 'percent', 'estimate': 0.94, 'units': 16}]
    """
    sets = coder_sets(codings, survey, scheme=scheme, top=top)
    periods = None if over is None else coded_when(codings, over).reindex(sets.index)
    return agreement(sets, over=periods, **{"clusters": "interview", "several": True, **options})


def coder_marks(codings: Codings, interviews: pd.DataFrame, survey: "Survey", *, scheme: str | None = None) -> Marks:
    """The stretches that each coder marked, for agreement on spans.

    Parameters
    ----------
    codings : Codings
    interviews : DataFrame, one row per interview
    survey : Survey
    scheme : str, optional
        Only its codes and questions; all where not given.

    Returns
    -------
    Marks
        Only answers that coders have decided: ``unitising_alpha(marks.spans, marks.lengths, clusters=marks.clusters,
        read_by_all=False)``. A code of the whole answer is a stretch from its first to its last character.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T2")):
    ...     given = entry("add", "M01", "troubles", interviews.at["M01", "troubles"], code=code)
    ...     made = record(survey, coder, given)
    >>> codings = read_codings(survey, interviews)
    >>> coder_marks(codings, interviews, survey).spans[["coder", "start", "end", "code"]].to_numpy().tolist()
    [['ann', 0, 10, 'T1.1'], ['ben', 0, 10, 'T2']]
    """
    tree, questions = codes_at(survey, codings.version), _questions(survey, scheme)
    answers = codings.answers[codings.answers["decided"] & (codings.answers["role"] == "coder")]
    answers = answers.loc[answers["question"].isin(questions), ["coder", *TEXT]]
    length = [len(interviews.at[row.interview, row.question]) for row in answers.itertuples()]
    answers = answers.assign(length=length, unit=answers["interview"] + " / " + answers["question"])
    kept = tree.index if scheme is None else tree.index[tree["scheme"] == scheme]
    given = codings.spans[(codings.spans["role"] == "coder") & codings.spans["code"].isin(kept)]
    spans = answers.merge(given[["coder", *TEXT, "start", "end", "code"]], on=["coder", *TEXT], how="left")
    whole = spans["start"].isna() & spans["code"].notna()
    spans = spans.assign(start=spans["start"].mask(whole, 0), end=spans["end"].mask(whole, spans["length"]))
    units = answers.drop_duplicates("unit").set_index("unit")
    return Marks(spans[["unit", "coder", "start", "end", "code"]], units["length"], units["interview"])


def _questions(survey: "Survey", scheme: str | None) -> list[str]:
    """The open questions of one scheme, or of all."""
    if scheme is not None and scheme not in survey.schemes:
        allowed, hint = listed(survey.schemes), near(scheme, survey.schemes)
        raise CodingError(Fault("survey.toml", f"scheme {scheme!r}", allowed, column="schemes", hint=hint))
    schemes = survey.schemes.values() if scheme is None else [survey.schemes[scheme]]
    return list(dict.fromkeys(question for each in schemes for question in each.questions))


def _top(code: str, tree: pd.DataFrame) -> str:
    """The code at the top of the tree above a code."""
    while parent := tree.at[code, "parent"]:
        code = parent
    return code
