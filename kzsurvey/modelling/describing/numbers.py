"""An item as numbers: what every estimate of answers in words starts from."""

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault


def numbers_of(column: pd.Series) -> pd.Series:
    """An item as floats: numbers as they are, categories by the number that names them or else by their order.

    Infinite numbers are missing.

    Raises
    ------
    DesignError
        Words without an order.

    Examples
    --------
    >>> numbers_of(pd.Series(["2", "1", None], dtype="category")).tolist()
    [2.0, 1.0, nan]
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("Float64").astype(float).replace([np.inf, -np.inf], np.nan)
    values = pd.Index(column.dropna().unique())
    categories = column.dtype.categories if isinstance(column.dtype, pd.CategoricalDtype) else values
    named = pd.to_numeric(pd.Series(list(categories), dtype="object"), errors="coerce")
    if named.notna().all():
        return column.astype("object").map(dict(zip(categories, named, strict=True))).astype(float)
    if getattr(column.dtype, "ordered", False):
        return column.cat.codes.astype(float).where(column.notna()) + 1
    allowed = "numbers, or options with numbers for names or with an order (level ordinal)"
    raise DesignError(Fault("measures.csv", "an item in words", allowed, column=str(column.name)))
