"""Interviews, mentions, measures, weights and the sample design joined into the one table that models read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.sampling.calibration import Calibrated, calibrated_design, greg, rake
from kzsurvey.modelling.sampling.design import Design, make_design
from kzsurvey.modelling.scales.measures import measures
from kzsurvey.survey.record import Survey
from kzsurvey.tables import check_table

_OPEN = ("text", "note")
_WITHHELD = ("direct", "special")
_SAID_NOTHING = ("no_answer", "dont_know")  # asked and named nothing: 0, not missing
_UNKNOWN = "(missing)"


def analyse(interviews: pd.DataFrame, mentions: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Join what was answered, what was said and how the sample was drawn.

    Parameters
    ----------
    interviews : DataFrame, one row per interview, from :func:`kzsurvey.cleaning.clean`
    mentions : DataFrame, one row per mention, from :func:`kzsurvey.coding.code`
    survey : Survey

    Returns
    -------
    DataFrame, one row per interview, in the order of ``interviews``
        ``weight``, ``stratum``, ``cluster``; every closed question (no text, nothing direct or special); every measure;
        ``code_<code>`` (``_`` for ``.``), 1 where the code or one below it was named, 0 where it was not, missing where
        none of the scheme's questions was asked, or the answers were refused, invalid or lost. Asked and
        "nothing" or "don't know" is 0: nothing was named. Where a model is imputed also ``<question>__missing``: why
        a closed question has no value.

    Raises
    ------
    DesignError
        Everything at once: a sample, weighting or measure on an unknown question, weights missing or not above 0,
        margins that cannot be met.

    Notes
    -----
    Weight: the base weight (1 where the survey has none) brought to the frame by the method of ``[weighting]``.
    Interviews without a value of a margin keep the share of the weights they have before; the others are brought to
    the rest of the frame, in proportion. An interview without a cluster is a cluster of its own; where the survey
    declares no clusters, the interviews of one respondent are one. A cluster's name means another cluster in another
    stratum.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = analyse(interviews, kz.code(interviews, survey), survey)
    >>> len(analysis) == len(interviews)
    True
    """
    fail_if(_unknown_questions(interviews, survey), DesignError)
    makers = (_sample, _measured)
    parts, faults = [], []
    for make in makers:
        try:
            parts.append(make(interviews, survey))
        except SurveyError as error:
            faults += in_definition(error.faults)
    fail_if(faults, DesignError)
    sample, measured = parts
    analysis = pd.concat([sample, closed(interviews, survey), measured, codes(interviews, mentions, survey)], axis=1)
    if len(analysis) != len(interviews) or not analysis.index.equals(interviews.index):
        raise ValueError(f"the join made {len(analysis)} rows of {len(interviews)} interviews")
    return check_table(analysis, "analysis")


def sample_design(
    analysis: pd.DataFrame, survey: Survey, *, replicate: Callable[[Design], Design] | None = None
) -> Design:
    """The design of a survey's sample, with all its stages and with credit for the margins its weights meet.

    Parameters
    ----------
    analysis : DataFrame, one row per interview, from :func:`analyse`
    survey : Survey
    replicate : function of a Design giving one with replicate weights
        :func:`jackknife`, or ``partial(bootstrap, replicates=500, seed=1)``. Made before calibration; each replicate is
        then brought to the frame as the weights are.

    Returns
    -------
    Design

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> design = sample_design(analyse(interviews, kz.code(interviews, survey), survey), survey)
    >>> len(design) == len(interviews)
    True
    """
    sample = survey.sample
    stages, sizes = _listed(sample, "clusters")[1:], _listed(sample, "population")
    lower = [_names(analysis[name], analysis.index) for name in stages]
    design = make_design(
        analysis,
        weight=_base_weight(analysis, survey),
        strata=[analysis["stratum"]],
        clusters=[analysis["cluster"], *lower],
        population=[analysis[name] for name in sizes],
        lonely=sample.get("lonely") or "adjust",
    )
    margins = _margins(survey)
    if replicate is not None:
        design = replicate(design)
        return _brought(analysis, survey, design).design if margins else design
    if not margins:
        return design
    shown = pd.DataFrame({name: _shown(analysis[name]) for name in margins})
    return calibrated_design(design, analysis["weight"].to_numpy(dtype=float), shown)


def in_definition(faults: Iterable[Fault]) -> list[Fault]:
    """Faults found while computing, with the file of the definition where a researcher mends them.

    Examples
    --------
    >>> [str(fault) for fault in in_definition([Fault("frame", "no margins"), Fault("model H1", "no term 'x'")])]
    ['frame.csv: found no margins', "survey.toml, column model H1: found no term 'x'"]
    """
    files = {"frame": "frame.csv", **dict.fromkeys(("design", "calibration", "imputation"), "survey.toml")}
    sections = {"design": "sample", "calibration": "weighting"}
    return [
        replace(fault, file="survey.toml", column=fault.file)
        if fault.file.startswith("model ")
        else replace(fault, file=files.get(fault.file, fault.file), column=fault.column or sections.get(fault.file))
        for fault in faults
    ]


def weighting(interviews: pd.DataFrame, survey: Survey) -> Calibrated | None:
    """How the weights of a survey come about: margins before and after, design effect; None without a frame.

    Parameters
    ----------
    interviews : DataFrame, one row per interview; ``analysis`` will do
    survey : Survey

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> raked = weighting(interviews, survey)
    >>> raked is None or raked.design_effect >= 1
    True
    """
    if not _margins(survey):
        return None
    return _brought(interviews, survey, make_design(interviews, weight=_base_weight(interviews, survey)))


_METHODS: Mapping[str, Callable[..., Calibrated]] = {
    "raking": rake,
    "poststratification": rake,  # to one margin, as the definition is checked for
    "linear": partial(greg, distance="linear"),
    "logit": partial(greg, distance="logit"),
}


def _brought(table: pd.DataFrame, survey: Survey, base: Design) -> Calibrated:
    """Base weights brought to the frame by the method a survey declares."""
    shown = pd.DataFrame({name: _shown(table[name]) for name in _margins(survey)})
    targets = {name: _target(survey, name, shown[name], base.weight) for name in shown}
    bounds = tuple(survey.weighting.get("bounds") or ()) or None
    return _METHODS[survey.weighting["method"]](shown, targets, design=base, bounds=bounds)


def closed(interviews: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """The columns of closed questions that a model may see.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> set(closed(interviews, survey)) <= set(interviews)
    True
    """
    questions = survey.questions
    open_names = questions.index[questions["type"].isin(_OPEN) | questions["sensitivity"].isin(_WITHHELD)]
    wanted = [name for name in questions.index if name in interviews and name not in open_names]
    calculated = {name for name in wanted if questions.at[name, "type"] == "calculate"}
    wanted = [name for name in wanted if name not in calculated or pd.api.types.is_numeric_dtype(interviews[name])]
    flags = {name: [column for column in interviews if column.startswith(f"{name}__")] for name in wanted}
    columns = [column for name in wanted for column in (name, *flags[name]) if column != f"{name}__missing"]
    table = interviews[columns + (_why_missing(interviews, wanted) if _imputes(survey) else [])]
    booleans = [column for column in table if pd.api.types.is_bool_dtype(table[column].dtype)]
    return table.astype(dict.fromkeys(booleans, "Int64"))


def _imputes(survey: Survey) -> bool:
    """Whether any model is imputed."""
    return any(model.imputed for model in survey.models.values())


def _why_missing(interviews: pd.DataFrame, names: list[str]) -> list[str]:
    """Columns that say why questions have no value."""
    return [column for column in (f"{name}__missing" for name in names) if column in interviews]


def codes(interviews: pd.DataFrame, mentions: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """One 0-1 column per code: named in the interview or not; parents count when a code below them does.

    Mentions that do not stand (those of people beside those of rules, unless survey.toml says otherwise) do not count.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> table = codes(interviews, kz.code(interviews, survey), survey)
    >>> len(table) == len(interviews)
    True
    """
    strangers = set(mentions["code"]) - set(survey.codes.index)
    if strangers or not mentions["interview"].isin(interviews.index).all():
        raise ValueError(f"mentions of unknown interviews or codes {sorted(strangers)}")
    mentions = mentions[mentions["stands"].astype(bool)]
    named = pd.concat(
        [mentions.assign(code=mentions["code"].map(above)) for above in _ancestry(survey.codes)], ignore_index=True
    ).dropna(subset="code")
    columns = {}
    for scheme in survey.schemes.values():
        able = _able(interviews, scheme.questions)
        for code in survey.codes.index[survey.codes["scheme"] == scheme.name]:
            who = named.loc[named["code"] == code, "interview"]
            value = pd.Series(interviews.index.isin(who), index=interviews.index).astype("Int64")
            columns[f"code_{code.replace('.', '_')}"] = value.where(able | (value == 1))
    return pd.DataFrame(columns, index=interviews.index)


def _ancestry(table: pd.DataFrame) -> list[dict[str, str]]:
    """Maps from each code to itself, to its parent, to the parent of that, while there is one."""
    parent = {code: above for code, above in table["parent"].items() if above}
    maps = [{code: code for code in table.index}]
    while any(maps[-1].values()) and len(maps) <= len(table):
        step = {code: parent.get(at) for code, at in maps[-1].items() if parent.get(at)}
        if not step:
            break
        maps.append(step)
    return maps


def _able(interviews: pd.DataFrame, questions: tuple[str, ...]) -> pd.Series:
    """Interviews where at least one of the open questions was asked and heard."""
    heard = pd.Series(False, index=interviews.index)
    for name in questions:
        missing = interviews.get(f"{name}__missing", pd.Series(pd.NA, index=interviews.index))
        heard |= interviews[name].notna() | missing.isin(_SAID_NOTHING)
    return heard


def _measured(interviews: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Measures; a seam for :func:`analyse` to collect faults over."""
    return measures(interviews, survey)


def _sample(interviews: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Weight, stratum and first-stage cluster of every interview."""
    raked = weighting(interviews, survey)
    weight = _base_weight(interviews, survey) if raked is None else raked.design.weight
    strata = _listed(survey.sample, "strata")
    stratum = _crossed([interviews[name] for name in strata], interviews.index)
    cluster = _cluster(interviews, survey)
    known = stratum != _UNKNOWN
    home = stratum[known].groupby(cluster[known]).agg(lambda where: where.mode().iloc[0])
    stratum = stratum.where(known, cluster.map(home).fillna(_UNKNOWN)).astype("str")
    spread = stratum.groupby(cluster).transform("nunique") > 1
    cluster = cluster.where(~spread, stratum + " / " + cluster).astype("str")
    return pd.DataFrame({"weight": weight, "stratum": stratum, "cluster": cluster}, index=interviews.index)


def _cluster(interviews: pd.DataFrame, survey: Survey) -> pd.Series:
    """First-stage cluster: as declared, or else the respondent, or else the interview itself."""
    declared = _listed(survey.sample, "clusters")
    respondent = survey.interview.get("respondent", "")
    name = declared[0] if declared else respondent
    if not name or name not in interviews:
        return pd.Series(interviews.index.astype(str), index=interviews.index, dtype="str")
    return _names(interviews[name], interviews.index)


def _names(column: pd.Series, index: pd.Index) -> pd.Series:
    """Names of clusters as text; who has none is a cluster of one's own."""
    own = pd.Series([f"({name})" for name in index], index=index, dtype="str")
    return column.astype("object").where(column.notna(), own).astype("str")


def _crossed(columns: list[pd.Series], index: pd.Index) -> pd.Series:
    """Names of strata, crossed; missing as soon as one part is."""
    if not columns:
        return pd.Series("all", index=index, dtype="str")
    parts = [_shown(column) for column in columns]
    joined = parts[0].str.cat(parts[1:], sep=" / ").astype("str")
    return joined.mask(pd.concat(parts, axis=1).eq(_UNKNOWN).any(axis=1), _UNKNOWN)


def _base_weight(table: pd.DataFrame, survey: Survey) -> np.ndarray:
    """Design weights, 1 where the survey has none."""
    name = survey.sample.get("weight") or ""
    if not name:
        return np.ones(len(table))
    return make_design(table, weight=name).weight


def _margins(survey: Survey) -> tuple[str, ...]:
    """Variables the weights are calibrated to: those declared, or all of the frame."""
    if not survey.weighting.get("method"):
        return ()
    return _listed(survey.weighting, "margins") or tuple(survey.frame["variable"].unique())


def _shown(column: pd.Series) -> pd.Series:
    """Values of a margin as text, as the frame writes them, and a value for those without."""
    return column.astype("object").where(column.notna(), _UNKNOWN).astype("str")


def _target(survey: Survey, name: str, values: pd.Series, weight: np.ndarray) -> dict[str, float]:
    """Known counts of a margin; interviews without a value keep their share of the weights."""
    rows = survey.frame[survey.frame["variable"] == name]
    counts = {str(value): float(count) for value, count in zip(rows["value"], rows["count"], strict=True)}
    missing = (values == _UNKNOWN).to_numpy()
    if not missing.any():
        return counts
    share, whole = float(weight[missing].sum() / weight.sum()), sum(counts.values())
    return {value: count * (1 - share) for value, count in counts.items()} | {_UNKNOWN: share * whole}


def _listed(settings: object, key: str) -> tuple[str, ...]:
    """A setting that names several questions."""
    return tuple(settings.get(key) or ())


def _unknown_questions(interviews: pd.DataFrame, survey: Survey) -> list[Fault]:
    """Questions that sample or weighting name and the interviews do not have."""
    sample = survey.sample
    named = [("sample", name) for key in ("strata", "clusters", "population") for name in _listed(sample, key)]
    named += [("sample", sample["weight"])] if sample.get("weight") else []
    named += [("weighting", name) for name in _margins(survey)]
    faults = [
        Fault("survey.toml", f"unknown question {name!r}", "questions of the form", column=section)
        for section, name in named
        if name not in interviews
    ]
    known = set(survey.frame["variable"])
    return faults + [
        Fault("frame.csv", f"no counts of {name!r}", "a count for each of its values", column="variable")
        for name in _margins(survey)
        if name not in known
    ]
