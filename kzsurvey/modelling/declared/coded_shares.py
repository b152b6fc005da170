"""Honest shares of codes for a survey: a sample is drawn for hand coding and kept, and corrects the rules."""

from collections.abc import Sequence

import pandas as pd

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.coded.human_samples import draw_sample
from kzsurvey.modelling.coded.prevalence import prevalence as corrected
from kzsurvey.modelling.declared.analysis import sample_design
from kzsurvey.survey.coding_sample import FILE, read_coding_sample, write_coding_sample
from kzsurvey.survey.record import Survey
from kzsurvey.survey.sheets import listed, near

_SHOWN = 6


def draw_coding_sample(
    analysis: pd.DataFrame,
    survey: Survey,
    size: int,
    *,
    seed: int,
    codes: Sequence[str] | None = None,
    strata: str | Sequence[str] = "predicted",
) -> pd.DataFrame:
    """Draw the interviews to be coded by hand, and keep the draw in ``coding_sample.csv`` of the survey's folder.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
        From :func:`analyse`: its codes are those of rules.
    survey : Survey
    size : int, interviews to draw
    seed : int, recorded
    codes : codes of the codebook that the strata are made from, optional
        All codes that are below no other where not given.
    strata : "predicted" or columns of ``analysis``
        As of :func:`draw_sample`.

    Returns
    -------
    DataFrame, one row per interview drawn, in the order of coding, index ``interview``
        As of :func:`draw_sample`. The file also lists the interviews that were not drawn: their strata are part of the
        design.

    Raises
    ------
    DesignError
        A size that cannot be drawn; unknown codes or columns.
    DefinitionError
        A sample was drawn before; it is never written over.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> draw_coding_sample(analysis, survey, 10, seed=1)["stratum"].value_counts().sort_index().to_dict()
    {'code_T1_1': 3, 'code_T2': 2, 'none': 5}
    """
    columns = [_column(code) for code in (_finest(survey) if codes is None else codes)]
    unknown = [name for name in columns if name not in analysis]
    fail_if((Fault("draw_coding_sample", f"code {name!r}", "codes of codes.csv") for name in unknown), DesignError)
    asked = analysis[analysis[_columns(analysis, survey)].notna().any(axis=1)]
    predicted = isinstance(strata, str) and strata == "predicted"
    frame = asked[columns].fillna(0).astype(float) if predicted else asked
    sample = draw_sample(frame, size, strata=strata, codes=columns if predicted else None, seed=seed)
    write_coding_sample(survey, _whole(frame, sample, seed, strata, columns))
    return sample


def prevalence(
    analysis: pd.DataFrame,
    human: pd.DataFrame,
    survey: Survey,
    *,
    by: str | Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    method: str = "auto",
    finite: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Shares of all interviews that name each code: codes of rules, corrected by those of a sample coded by hand.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
        From :func:`analyse`: its codes are those of rules for everybody.
    human : DataFrame, one row per interview, a column for each code
        From :func:`kzsurvey.coding.human_codes`. Only interviews in the sample of ``coding_sample.csv`` count.
    survey : Survey
    by : columns of ``analysis``, optional
        Shares in each group.
    codes : codes of the codebook, optional
        All that are in both tables where not given.
    method : as of :func:`kzsurvey.modelling.prevalence`
    finite : bool
        The interviews are all there are; otherwise they are a sample, of the survey's design.
    level : float, of the intervals

    Returns
    -------
    DataFrame, one row per code (and group)
        ``scheme``, ``variable`` (the code's column in ``analysis``), the columns of ``by``, ``estimate``,
        ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``n`` (interviews asked), ``n_dropped`` (of the group, not
        asked), ``n_coded``, ``n_positive`` (by hand), ``method``.

    Raises
    ------
    DefinitionError
        No sample has been drawn.
    DesignError
        Interviews that came after the sample was drawn; strata or groups that nobody has coded yet; codes in
        ``analysis`` that are not those of rules alone (``stand = "people"``).

    Notes
    -----
    The estimator is :func:`kzsurvey.modelling.prevalence`, once for each scheme of codes. Where a scheme's questions
    were put to some interviews only, these are a domain: within strata the ones drawn are a simple random sample of it.
    Interviews drawn and not coded yet count as not drawn, which is right as long as they were coded in the order drawn.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> drawn = draw_coding_sample(analysis, survey, 10, seed=1)
    >>> human = analysis.loc[drawn.index, ["code_T1_1", "code_T2"]]  # rules that nobody corrected
    >>> prevalence(analysis, human, survey)[["variable", "n", "n_coded", "method"]].to_dict("records")
    [{'variable': 'code_T1_1', 'n': 18, 'n_coded': 10, 'method': 'poststratified'},
     {'variable': 'code_T2', 'n': 18, 'n_coded': 10, 'method': 'poststratified'}]
    """
    stand = survey.settings.get("codings", {}).get("stand", "rules")
    if stand != "rules":
        hint = "take the line out: people correct the shares here, and cannot be part of what they correct"
        raise DesignError(Fault("survey.toml", f"stand = {stand!r}", "rules", column="codings.stand", hint=hint))
    wanted = _columns(human, survey) if codes is None else [_column(code) for code in codes]
    columns = {name: [code for code in own if code in wanted] for name, own in _by_scheme(survey).items()}
    sample, groups = read_coding_sample(survey), [by] if isinstance(by, str) else list(by or [])
    fail_if(_faults(analysis, human, sample, wanted, groups), DesignError)
    design = None if finite else sample_design(analysis, survey)
    tables = []
    for scheme, own in columns.items():
        if own:
            machine = analysis[own].astype("Float64")
            coded, drawn = _coded(machine, human[own], sample)
            found = corrected(
                machine,
                coded,
                probability=drawn,
                method=method,
                by=analysis[groups] if groups else None,
                design=design,
                level=level,
            )
            tables.append(found.table.assign(scheme=scheme))
    table = pd.concat(tables, ignore_index=True)
    return table[["scheme", *table.columns.drop("scheme")]]


def corrected_shares(
    analysis: pd.DataFrame,
    human: pd.DataFrame,
    survey: Survey,
    *,
    by: str | Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    level: float = 0.95,
) -> tuple[pd.DataFrame, str]:
    """:func:`prevalence` for a report: the table, or why there is none yet.

    Parameters
    ----------
    analysis, human, survey, by, codes, level : as of :func:`prevalence`

    Returns
    -------
    table : DataFrame, empty where there are no corrected shares
    reason : str, what stands in the way; empty where nothing does

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> corrected_shares(pd.DataFrame({"code_T2": []}), pd.DataFrame({"code_T2": []}), survey)[1]
    'coding_sample.csv: no such file'
    """
    try:
        return prevalence(analysis, human, survey, by=by, codes=codes, level=level), ""
    except SurveyError as error:
        fault = error.faults[0]
        return pd.DataFrame(), f"{fault.file}: {fault.found}"


def _coded(machine: pd.DataFrame, human: pd.DataFrame, sample: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Human codes of the interviews drawn from those that a scheme is about, and the design they were drawn by."""
    inside = machine.index[machine.notna().any(axis=1)]
    frame = sample.reindex(inside)
    drawn = frame[frame["order"].notna()]
    sizes, taken = frame["stratum"].value_counts(), drawn["stratum"].value_counts()
    size, count = drawn["stratum"].map(sizes), drawn["stratum"].map(taken)
    design = drawn.assign(stratum_size=size, stratum_drawn=count, probability=count / size)
    return human.reindex(drawn.index).dropna(how="all").astype("Float64"), design


def _whole(
    frame: pd.DataFrame, sample: pd.DataFrame, seed: int, strata: str | Sequence[str], columns: list[str]
) -> pd.DataFrame:
    """The draw with the interviews that were not drawn: the strata of all, from drawing all."""
    codes = columns if isinstance(strata, str) and strata == "predicted" else None
    every = draw_sample(frame, len(frame), strata=strata, codes=codes, seed=seed).loc[frame.index]
    own = sample.groupby("stratum")[["stratum_drawn", "probability"]].first().reindex(every["stratum"])
    return every.assign(
        stratum_drawn=own["stratum_drawn"].to_numpy(),
        probability=own["probability"].to_numpy(),
        order=sample["order"].reindex(frame.index).astype("Int64"),
    )


def _faults(
    analysis: pd.DataFrame, human: pd.DataFrame, sample: pd.DataFrame, wanted: list[str], groups: list[str]
) -> list[Fault]:
    """Codes and groups that are not there, and interviews that could not be drawn."""
    place = "prevalence"
    faults = [
        Fault(place, f"no codes {name!r} in {table}", "a code that both tables have")
        for name in wanted
        for table, known in (("analysis", analysis), ("human", human))
        if name not in known
    ]
    faults += [] if wanted else [Fault(place, "no column of a code in human", "the table that human_codes gives")]
    faults += [
        Fault(place, f"by {name!r}", "a column of analysis", hint=near(name, analysis.columns))
        for name in groups
        if name not in analysis
    ]
    if not faults:
        asked = analysis.index[analysis[wanted].notna().any(axis=1)]
        late = asked.difference(sample.index)
        found = f"{len(late)} interviews that are not in it ({listed(late, most=_SHOWN)})"
        hint = "they came after the sample was drawn: leave them out, or draw and code a sample of them too"
        faults += [Fault(FILE, found, "every interview that was asked", hint=hint)] * bool(len(late))
    return faults


def _by_scheme(survey: Survey) -> dict[str, list[str]]:
    codes = survey.codes
    return {name: [_column(code) for code in codes.index[codes["scheme"] == name]] for name in survey.schemes}


def _columns(table: pd.DataFrame, survey: Survey) -> list[str]:
    """The columns of codes that a table has."""
    return [name for own in _by_scheme(survey).values() for name in own if name in table]


def _finest(survey: Survey) -> list[str]:
    """Codes that no other stands below."""
    return survey.codes.index[~survey.codes.index.isin(survey.codes["parent"])].tolist()


def _column(code: str) -> str:
    return code if code.startswith("code_") else f"code_{code.replace('.', '_')}"
