"""Who misses what: gaps counted among those who were asked, their patterns, and who has them.

"Not asked" is never a gap: it stands in a column of its own, and no test here looks at those who were not asked.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.describing.comparisons import Test, chi_square, t_test
from kzsurvey.modelling.describing.estimates import design_for, proportion
from kzsurvey.modelling.missing.variables import IMPUTED_REASONS, asked_rows
from kzsurvey.modelling.regression.formulas import unknown_variables
from kzsurvey.modelling.regression.results import holm
from kzsurvey.modelling.sampling.design import Design, domain_rows


def missing_counts(
    table: pd.DataFrame,
    items: Sequence[str],
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """How many gave no answer to each question, of those who were asked, and why.

    Parameters
    ----------
    table : DataFrame, one row per interview
        ``<item>__missing``, where there is such a column, says why there is no value.
    items : column names
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster``.
    where : (n,) bool array, the domain
    level : float, of the intervals

    Returns
    -------
    DataFrame, one row per item
        ``item``, ``asked``, ``not_asked``, ``missing``, one column for every reason that occurs, and ``estimate``: the
        weighted share without an answer among those asked, with ``std_error``, ``conf_low``, ``conf_high``, ``df``.

    Raises
    ------
    DesignError
        Unknown columns; an item that nobody was asked.

    Examples
    --------
    >>> reasons = [None, "not_asked", "refused", None]
    >>> table = pd.DataFrame({"hours": [40.0, None, None, 50.0], "hours__missing": reasons})
    >>> missing_counts(table, ["hours"])[["item", "asked", "not_asked", "missing", "refused"]].to_dict("records")
    [{'item': 'hours', 'asked': 3, 'not_asked': 1, 'missing': 1, 'refused': 1}]
    """
    design, domain, asked = _asked(table, items, design, where)
    rows = []
    for item in items:
        rows_asked, gap = asked[item], table[item].isna()
        row = {
            "item": item,
            "asked": int(rows_asked.sum()),
            "not_asked": int(domain.sum() - rows_asked.sum()),
            "missing": int((gap & rows_asked).sum()),
        }
        share = proportion(gap.astype(float).rename(item), design=design, where=rows_asked, level=level).table.iloc[0]
        told = {name: share[name] for name in ("estimate", "std_error", "conf_low", "conf_high", "df")}
        rows.append(row | _reasons(table, item, rows_asked) | told)
    found = pd.DataFrame(rows)
    reasons = [reason for reason in IMPUTED_REASONS if reason in found]
    found[reasons] = found[reasons].fillna(0).astype(int)
    return found[["item", "asked", "not_asked", "missing", *reasons, *told]]


def missing_patterns(
    table: pd.DataFrame,
    items: Sequence[str],
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
) -> pd.DataFrame:
    """Which answers are missing together.

    Parameters
    ----------
    table, items, design, where : as in :func:`missing_counts`

    Returns
    -------
    DataFrame, one row per pattern, the most frequent first
        A column per item (``answered``, ``missing``, ``not asked``), ``gaps`` (items missing), ``n``, ``share``
        (weighted).

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, None, 3.0, 4.0], "b": [1.0, None, None, 2.0]})
    >>> missing_patterns(table, ["a", "b"]).to_dict("records")[0]
    {'a': 'answered', 'b': 'answered', 'gaps': 0, 'n': 2, 'share': 0.5}
    """
    design, domain, asked = _asked(table, items, design, where)
    words = pd.DataFrame(
        {
            item: np.where(~asked[item], "not asked", np.where(table[item].isna(), "missing", "answered"))
            for item in items
        }
    ).assign(n=1, share=design.weight / design.weight[domain].sum())
    counted = words[domain].groupby(list(items), sort=True)[["n", "share"]].sum().reset_index()
    counted.insert(len(items), "gaps", (counted[list(items)] == "missing").sum(axis=1))
    return counted.sort_values("n", ascending=False, kind="stable", ignore_index=True)


def missing_by(
    table: pd.DataFrame,
    items: Sequence[str],
    by: Sequence[str],
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
) -> pd.DataFrame:
    """Is having no answer linked with other things: design-based tests among those who were asked.

    Parameters
    ----------
    table, items, design, where : as in :func:`missing_counts`
    by : column names
        Numbers are compared between those with and those without an answer (t test), groups by the share without one
        (chi-square with the correction of Rao and Scott).

    Returns
    -------
    DataFrame, one row per item with gaps and column of ``by``
        ``item``, ``by``, ``test``, ``statistic``, ``df``, ``df_below``, ``p_value``, ``p_holm`` (over all rows),
        ``effect_name``, ``effect``, ``conf_low``, ``conf_high``, ``n``, ``missing``, ``note`` (why there is no test).

    Notes
    -----
    A link says that answers are not missing completely at random, and that the column belongs into the imputation.
    That there is none in sight does not say that they are.

    Examples
    --------
    >>> table = pd.DataFrame({"pay": [1.0, None, 3.0, None, None, 2.0, 1.0, 4.0], "role": list("aaaabbbb")})
    >>> missing_by(table, ["pay"], ["role"])[["item", "by", "test", "missing", "note"]].to_dict("records")
    [{'item': 'pay', 'by': 'role', 'test': 'chi-square test (Rao-Scott F)', 'missing': 3, 'note': ''}]
    """
    fail_if(unknown_variables(by, table, name="missing_by"), DesignError)
    design, _, asked = _asked(table, items, design, where)
    rows = [
        {"item": item, "by": name, **_tested(table, item, name, design, asked[item])}
        for item in items
        for name in by
        if (table[item].isna() & asked[item]).any() and name != item
    ]
    found = pd.DataFrame(rows, columns=["item", "by", *_TESTED])
    found.insert(found.columns.get_loc("p_value") + 1, "p_holm", holm(found["p_value"].to_numpy(dtype=float)))
    return found


_TESTED = (
    "test", "statistic", "df", "df_below", "p_value", "effect_name", "effect", "conf_low", "conf_high", "n", "missing",
    "note",
)  # fmt: skip


def _tested(table: pd.DataFrame, item: str, by: str, design: Design, asked: np.ndarray) -> dict[str, object]:
    """One test, or why there is none."""
    gap = table[item].isna()
    missing = int((gap & asked).sum())
    words = pd.Series(np.where(gap, "missing", "answered"), index=table.index, name=item)
    numeric = pd.api.types.is_numeric_dtype(table[by].dtype) and table[by].nunique() > 2
    try:
        if numeric:
            found: Test = t_test(table[by].astype(float), table, by=words, design=design, where=asked)
        else:
            found = chi_square(words, table, by=table[by].astype("object").rename(by), design=design, where=asked)
    except SurveyError as error:
        return {"test": "", "missing": missing, "note": error.faults[0].found}
    told = {name: getattr(found, name) for name in _TESTED if hasattr(found, name)}
    return {"test": found.name, **told, "missing": missing, "note": ""}


def _asked(
    table: pd.DataFrame, items: Sequence[str], design: Design | None, where: object
) -> tuple[Design, np.ndarray, dict[str, np.ndarray]]:
    """The design, the domain, and who of it was asked each item."""
    fail_if(unknown_variables(items, table, name="missing answers"), DesignError)
    design = design_for(table, design)
    domain = domain_rows(where, len(table), index=table.index)
    asked = {item: asked_rows(table, item) & domain for item in items}
    nobody = [item for item in items if not asked[item].any()]
    fail_if([Fault("missing answers", f"nobody who was asked {item!r}", "items that were asked") for item in nobody],
            DesignError)  # fmt: skip
    return design, domain, asked


def _reasons(table: pd.DataFrame, item: str, asked: np.ndarray) -> dict[str, int]:
    """Counts of why there is no answer."""
    if f"{item}__missing" not in table:
        return {}
    given = table.loc[asked & table[item].isna().to_numpy(), f"{item}__missing"].astype("object")
    return {str(reason): int(count) for reason, count in given.value_counts().items() if reason in IMPUTED_REASONS}
