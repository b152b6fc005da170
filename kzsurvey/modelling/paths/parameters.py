"""The parameter table of a model: what the syntax says, and what it leaves to the defaults of the field.

The defaults are those of lavaan's ``sem`` and ``cfa``: the first loading of a latent variable is 1, every variable that
is explained has a residual variance, latent variables that nothing explains covary, and so do outcomes that explain
nothing further.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.paths.syntax import Statement, Syntax

EQUAL = (
    "loadings", "intercepts", "thresholds", "regressions", "residuals", "residual_covariances", "latent_variances",
    "latent_covariances", "means",
)  # fmt: skip


class Parameter(NamedTuple):
    """One row of the parameter table.

    Attributes
    ----------
    lhs, op, rhs : str, as the syntax writes it; ``~1`` and ``~*~`` (scale of an ordinal variable) have no ``rhs``
    group : int, from 0
    free : int, place among the free parameters; -1 where fixed
    value : float, of a fixed one; where a free one starts, if the syntax says so; NaN where it says nothing
    label : str
    role : str
        ``model``; ``covariate`` (moments of observed variables that only explain: as in the sample), ``hidden`` (means
        of a model that says nothing of means: as in the sample), ``derived`` (residual variance of an ordinal variable,
        what the others leave of 1).
    """

    lhs: str
    op: str
    rhs: str
    group: int
    free: int
    value: float
    label: str
    role: str = "model"

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is, whatever the group; a covariance has no direction."""
        return (self.op, *sorted((self.lhs, self.rhs))) if self.op == "~~" else (self.op, self.lhs, self.rhs)


class Variables(NamedTuple):
    """What kind of variable each name is, in order of appearance."""

    latent: tuple[str, ...]
    observed: tuple[str, ...]
    covariates: tuple[str, ...]
    ordered: tuple[str, ...]
    indicators: frozenset[str]
    explained: frozenset[str]
    explaining: frozenset[str]

    @property
    def modelled(self) -> tuple[str, ...]:
        """Observed variables that are no covariates."""
        return tuple(name for name in self.observed if name not in self.covariates)


class Choices(NamedTuple):
    """How the syntax is completed.

    Attributes
    ----------
    groups : tuple of str, names of the groups; one empty name without groups
    thresholds : mapping of ordered variable to the number of its thresholds
    means : bool, whether means are part of the model
    scale : str, ``first`` (first loading 1) or ``unit`` (latent variance 1)
    equal : tuple of str, of ``EQUAL``: what is the same in all groups
    partial : tuple of str, parameters (``"load =~ hours"``) that are not
    conditional : bool, whether covariates enter as in a regression, without moments of their own
    """

    groups: tuple[str, ...] = ("",)
    thresholds: Mapping[str, int] = {}
    means: bool = False
    scale: str = "first"
    equal: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    conditional: bool = False


def sort_variables(syntax: Syntax, ordered: Sequence[str] = ()) -> Variables:
    r"""Tell latent from observed variables, and what explains from what is explained.

    Examples
    --------
    >>> from kzsurvey.modelling.paths.syntax import parse
    >>> found = sort_variables(parse("load =~ hours + forms\nleave ~ load + age"))
    >>> found.latent, found.observed, found.covariates
    (('load',), ('hours', 'forms', 'leave', 'age'), ('age',))
    """
    said = syntax.statements
    latent = tuple(dict.fromkeys(one.lhs for one in said if one.op == "=~"))
    written = [
        name for op in ("=~", "~", "~~", "~1", "|", "~*~") for one in said if one.op == op for name in _named(one)
    ]
    # explained variables stand before covariates, as in the field's tables
    explained = frozenset(one.lhs for one in said if one.op == "~")
    explaining = frozenset(one.rhs for one in said if one.op == "~")
    indicators = frozenset(one.rhs for one in said if one.op == "=~")
    observed = [name for name in dict.fromkeys(written) if name not in latent]
    told = {name for one in said if one.op in ("~~", "~1", "|", "~*~") for name in _named(one)}
    covariates = [name for name in observed if name in explaining - explained - indicators - told]
    first = [name for name in observed if name not in covariates]
    thresholded = [one.lhs for one in said if one.op == "|"]
    ordinal = tuple(name for name in first if name in {*ordered, *thresholded})
    return Variables(latent, (*first, *covariates), tuple(covariates), ordinal, indicators, explained, explaining)


def _named(one: Statement) -> list[str]:
    """Variables of a statement; a threshold is none."""
    if one.op == "~":
        return [one.lhs, one.rhs]
    return {"=~": [one.rhs], "~~": [one.lhs, one.rhs]}.get(one.op, [one.lhs])


def parameter_table(
    syntax: Syntax, variables: Variables, choices: Choices, *, place: str = "model"
) -> tuple[Parameter, ...]:
    """Every parameter of every group, user's first, free ones numbered from 0.

    Raises
    ------
    DesignError
        Modifiers for another number of groups; ``equal()`` of what is not there; parameters the variables cannot have.
    """
    fail_if(_statement_faults(syntax, variables, choices, place), DesignError)
    rows: list[Parameter] = []
    for group in range(len(choices.groups)):
        rows += [_user_row(one, group, choices, variables) for one in syntax.statements]
        mine = {row.key for row in rows if row.group == group}
        rows += [row for row in _default_rows(group, variables, choices) if row.key not in mine]
    rows = _with_equalities(rows, syntax, choices, place)
    return _numbered(rows)


def _statement_faults(syntax: Syntax, variables: Variables, choices: Choices, place: str) -> list[Fault]:
    """Statements that do not fit the groups or the variables."""
    faults, groups = [], len(choices.groups)
    for one in syntax.statements:
        at = {"row": one.line, "column": str(one.column)}
        for modifier in one.modifiers:
            if len(modifier.values) not in (1, groups):
                found = f"{len(modifier.values)} values for {one.lhs} {one.op} {one.rhs}"
                faults.append(Fault(place, found, f"one, or one for each of {groups} groups", **at))
        if one.op == "=~" and one.lhs == one.rhs:
            faults.append(Fault(place, f"{one.lhs} measured by itself", "items of its own", **at))
        if one.op == "~" and one.lhs == one.rhs:
            faults.append(Fault(place, f"{one.lhs} explained by itself", "another variable", **at))
        if one.op == "|" and one.lhs in variables.latent:
            faults.append(Fault(place, f"a threshold of the latent {one.lhs}", "an observed variable", **at))
        if one.op == "|" and not _is_threshold(one.rhs, choices.thresholds.get(one.lhs, 0)):
            most = choices.thresholds.get(one.lhs, 0)
            faults.append(Fault(place, f"threshold {one.rhs} of {one.lhs}", f"t1 to t{most}", **at))
    return faults


def _is_threshold(name: str, most: int) -> bool:
    return name[:1] == "t" and name[1:].isdigit() and 1 <= int(name[1:]) <= most


def _of_group(values: tuple, group: int) -> object:
    return values[group] if len(values) > 1 else values[0]


def _user_row(one: Statement, group: int, choices: Choices, variables: Variables) -> Parameter:
    """A statement as a parameter of one group; -1 where fixed, 0 where free (numbers come later)."""
    said = {modifier.kind: _of_group(modifier.values, group) for modifier in one.modifiers}
    told = [modifier.kind for modifier in one.modifiers]
    free, value = 0, float("nan")
    if "value" in told:
        free, value = (0, float("nan")) if said["value"] is None else (-1, float(said["value"]))
    elif _fixed_by_default(one, choices, variables, group):
        free, value = -1, 1.0
    if said.get("start") is not None and free == 0:
        value = float(said["start"])
    lhs, rhs = one.lhs, "" if one.op == "~*~" else one.rhs
    return Parameter(lhs, one.op, rhs, group, free, value, str(said.get("label") or ""))


def _fixed_by_default(one: Statement, choices: Choices, variables: Variables, group: int) -> bool:
    """Whether a statement without a number is fixed all the same: the loading or the variance that sets the scale."""
    if choices.scale == "unit":
        free = group > 0 and "loadings" in choices.equal
        return one.op == "~~" and one.lhs == one.rhs and one.lhs in variables.latent and not free
    return False


def _default_rows(group: int, variables: Variables, choices: Choices) -> list[Parameter]:
    """What the syntax does not say."""
    nan, rows = float("nan"), []
    covaried = set(variables.covariates)
    for name in variables.ordered:
        rows += [Parameter(name, "|", f"t{k + 1}", group, 0, nan, "") for k in range(choices.thresholds[name])]
        scaled = group > 0 and "thresholds" in choices.equal
        rows.append(Parameter(name, "~*~", "", group, 0 if scaled else -1, 1.0, ""))
    for name in (*variables.modelled, *variables.latent):
        rows.append(_variance(name, group, variables, choices))
    free_latent = [name for name in variables.latent if name not in variables.indicators | variables.explained]
    outcomes = [
        name
        for name in (*variables.latent, *variables.modelled)
        if name in variables.explained - variables.explaining - variables.indicators
    ]
    for first, second in (*combinations(free_latent, 2), *combinations(outcomes, 2)):
        rows.append(Parameter(first, "~~", second, group, 0, nan, ""))
    if not choices.conditional:
        for place, first in enumerate(variables.covariates):
            rows += [
                Parameter(first, "~~", second, group, 0, nan, "", "covariate")
                for second in variables.covariates[place:]
            ]
    freed = group > 0 and {"intercepts", "thresholds"} & set(choices.equal) and "means" not in choices.equal
    for name in variables.observed:
        if name in variables.ordered or (name in covaried and choices.conditional):
            rows.append(Parameter(name, "~1", "", group, -1, 0.0, ""))
            continue
        role = "covariate" if name in covaried else "model" if choices.means else "hidden"
        rows.append(Parameter(name, "~1", "", group, 0, nan, "", role))
    rows += [Parameter(name, "~1", "", group, 0 if freed else -1, 0.0, "") for name in variables.latent]
    return rows


def _variance(name: str, group: int, variables: Variables, choices: Choices) -> Parameter:
    """The (residual) variance of a variable."""
    if name in variables.ordered:
        return Parameter(name, "~~", name, group, -1, 1.0, "", "derived")
    if name in variables.latent and choices.scale == "unit":
        freed = group > 0 and "loadings" in choices.equal and "latent_variances" not in choices.equal
        return Parameter(name, "~~", name, group, 0 if freed else -1, 1.0, "")
    return Parameter(name, "~~", name, group, 0, float("nan"), "")


def _with_equalities(rows: list[Parameter], syntax: Syntax, choices: Choices, place: str) -> list[Parameter]:
    """Scale-setting loadings, single items, labels of ``equal()`` and of what is the same in all groups."""
    rows = _scaled(rows, syntax, choices)
    named = {f"{row.lhs}{row.op}{row.rhs}": row for row in reversed(rows)}
    faults = []
    labels = {(row.group, row.key): row.label for row in rows}
    for one in syntax.statements:
        for modifier in one.modifiers:
            if modifier.kind != "equal":
                continue
            for group in range(len(choices.groups)):
                wanted = str(_of_group(modifier.values, group)).replace(" ", "")
                if wanted not in named:
                    at = {"row": one.line, "column": str(one.column)}
                    faults.append(Fault(place, f"equal to {wanted!r}", "a parameter written in the syntax", **at))
                    continue
                target = named[wanted]
                mark = target.label or f".{wanted}."
                labels[group, target.key] = mark
                mine = next(
                    row
                    for row in rows
                    if row.group == group and row.op == one.op and row.lhs == one.lhs and row.rhs == one.rhs
                )
                labels[group, mine.key] = mark
    fail_if(faults, DesignError)
    partial = {"".join(name.split()) for name in choices.partial}
    known = {f"{row.lhs}{row.op}{row.rhs}" for row in rows}
    fail_if([Fault(place, f"partial {name!r}", "a parameter of the model") for name in partial - known], DesignError)
    found = []
    for row in rows:
        label = labels[row.group, row.key]
        if not label and row.free == 0 and row.role == "model" and len(choices.groups) > 1:
            same = _kind(row, syntax) in choices.equal and f"{row.lhs}{row.op}{row.rhs}" not in partial
            label = f".{row.lhs}{row.op}{row.rhs}." if same else ""
        found.append(row._replace(label=label))
    return found


def _scaled(rows: list[Parameter], syntax: Syntax, choices: Choices) -> list[Parameter]:
    """Fix the first loading of each latent variable, and the residual of an item that stands alone."""
    told = {
        (one.lhs, one.op, one.rhs)
        for one in syntax.statements
        if any(modifier.kind == "value" for modifier in one.modifiers)
    }
    items: dict[str, list[str]] = {}
    for one in syntax.statements:
        if one.op == "=~":
            items.setdefault(one.lhs, []).append(one.rhs)
    every = [item for several in items.values() for item in several]
    alone = {several[0] for several in items.values() if len(several) == 1 and every.count(several[0]) == 1}
    written = {one.lhs for one in syntax.statements if one.op == "~~" and one.lhs == one.rhs}
    first = {(latent, several[0]) for latent, several in items.items()}
    found = []
    for row in rows:
        if row.op == "=~" and (row.lhs, row.rhs) in first and choices.scale == "first":
            row = row if (row.lhs, "=~", row.rhs) in told else row._replace(free=-1, value=1.0)
        elif row.op == "~~" and row.lhs == row.rhs and row.lhs in alone - written and row.role == "model":
            row = row._replace(free=-1, value=0.0)
        found.append(row)
    return found


def _kind(row: Parameter, syntax: Syntax) -> str:
    """Which of ``EQUAL`` a parameter belongs to."""
    latent = {one.lhs for one in syntax.statements if one.op == "=~"}
    if row.op == "~~":
        inner = row.lhs in latent and row.rhs in latent
        same = row.lhs == row.rhs
        return (
            ("latent_variances" if same else "latent_covariances")
            if inner
            else ("residuals" if same else "residual_covariances")
        )
    if row.op == "~1":
        return "means" if row.lhs in latent else "intercepts"
    return {"=~": "loadings", "~": "regressions", "|": "thresholds"}.get(row.op, "")


def _numbered(rows: list[Parameter]) -> tuple[Parameter, ...]:
    """Give every free parameter its place; the same label is the same parameter."""
    places: dict[str, int] = {}
    fixed = {row.label: row.value for row in rows if row.free < 0 and row.label}
    count, found = 0, []
    for row in rows:
        if row.free < 0 or (row.label in fixed):
            found.append(row._replace(free=-1, value=fixed.get(row.label, row.value) if row.label else row.value))
            continue
        if row.label and row.label in places:
            found.append(row._replace(free=places[row.label]))
            continue
        if row.label:
            places[row.label] = count
        found.append(row._replace(free=count))
        count += 1
    return tuple(found)


def free_count(rows: Sequence[Parameter]) -> int:
    """Number of free parameters."""
    return 1 + max((row.free for row in rows), default=-1)


def term_name(row: Parameter, groups: Sequence[str]) -> str:
    """A parameter in words: ``load =~ hours``, with its group where there are several.

    Examples
    --------
    >>> term_name(Parameter("load", "~1", "", 1, 0, 0.0, ""), ("north", "south"))
    'load ~1 [south]'
    """
    said = f"{row.lhs} {row.op} {row.rhs}".strip()
    return f"{said} [{groups[row.group]}]" if len(groups) > 1 else said


def parameter_values(rows: Sequence[Parameter], theta: np.ndarray) -> np.ndarray:
    """(..., rows) values of all parameters, free and fixed, from (..., q) free ones."""
    fixed = np.array([row.value if row.free < 0 else 0.0 for row in rows])
    places = np.array([max(row.free, 0) for row in rows])
    free = np.array([row.free >= 0 for row in rows])
    return np.where(free, theta[..., places], fixed)
