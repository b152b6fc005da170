"""Imputed beside observed answers: densities of numbers, shares of categories, to be looked at before pooling."""

import numpy as np
import pandas as pd

from kzsurvey.modelling.missing.imputation import Imputed
from kzsurvey.modelling.missing.variables import Variable

_COLUMNS = ["item", "group", "value", "text", "estimate", "low", "high", "n"]


def distributions(imputed: Imputed, *, points: int = 60) -> pd.DataFrame:
    r"""How imputed answers are spread, beside observed ones.

    Parameters
    ----------
    imputed : Imputed
    points : int, places at which the density of a number is told

    Returns
    -------
    DataFrame, one row per item with gaps, group and place
        ``item``, ``group`` (``observed``, ``imputed``), ``value`` (the number; of categories their rank from 1),
        ``text`` (the category, else empty), ``estimate`` (density, or share; of imputed answers the mean over sets),
        ``low``, ``high`` (smallest and largest of the sets), ``n`` (answers in one set).

    Notes
    -----
    Densities by a normal kernel, its width Silverman's for the observed answers. Observed and imputed answers may
    differ where answers are missing at random; that they differ is a reason to ask why, not a fault by itself.

    Examples
    --------
    >>> from kzsurvey.modelling.missing.imputation import impute
    >>> table = pd.DataFrame({"role": list("aabbab") + [None, None], "hours": [40.0, 42, 50, 52, 41, 51, 45, 44]})
    >>> found = distributions(impute(table, ["role", "hours"], sets=3, cycles=2))
    >>> found.query("group == 'observed'")[["item", "text", "estimate", "n"]].to_dict("records")
    [{'item': 'role', 'text': 'a', 'estimate': 0.5, 'n': 6}, {'item': 'role', 'text': 'b', 'estimate': 0.5, 'n': 6}]
    """
    parts = [_of_item(imputed.variables[name], drawn, points) for name, drawn in imputed.drawn.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)


def _of_item(variable: Variable, drawn: np.ndarray, points: int) -> pd.DataFrame:
    """Both groups of one item."""
    given = variable.numbers[variable.observed]
    if variable.levels:
        places, text = np.arange(len(variable.levels)), [str(level) for level in variable.levels]
        told = [(values[..., None, :] == places[:, None]).mean(axis=-1) for values in (given, drawn)]
        places = places + 1
    else:
        width = _width(given)
        ends = min(given.min(), drawn.min()) - 2 * width, max(given.max(), drawn.max()) + 2 * width
        places, text = np.linspace(*ends, points), [""] * points
        told = [_density(given[None], places, width)[0], _density(drawn, places, width)]
    groups = [
        ("observed", told[0], told[0], told[0], len(given)),
        ("imputed", told[1].mean(axis=0), told[1].min(axis=0), told[1].max(axis=0), drawn.shape[1]),
    ]
    named = pd.array(text, dtype="str")
    parts = [
        pd.DataFrame({"value": places, "text": named, "estimate": middle, "low": low, "high": high}).assign(
            item=variable.name, group=group, n=n
        )
        for group, middle, low, high, n in groups
    ]
    return pd.concat(parts, ignore_index=True)[_COLUMNS]


def _width(values: np.ndarray) -> float:
    """Silverman's width of a kernel."""
    quarter = np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349
    spread = min(part for part in (values.std(), quarter, np.inf) if part > 0)
    return float(0.9 * spread * len(values) ** -0.2)


def _density(values: np.ndarray, places: np.ndarray, width: float) -> np.ndarray:
    """(m, points) densities of each row."""
    z = (places[None, :, None] - values[:, None, :]) / width
    return np.exp(-(z**2) / 2).mean(axis=2) / (width * np.sqrt(2 * np.pi))
