"""What codings made under an older codebook mean under a later one; what cannot be said is left open, never guessed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.sheets import listed, near
from kzsurvey.survey.steps import codebooks

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

_SHOWN = 20
_A_STEP = "a code that has gone from codes.csv needs a step in codebook_steps.csv: rename, merge, split or retire"


def codebook_version(survey: "Survey") -> int:
    """The version of a survey's codebook: 1, or the last that ``codebook_steps.csv`` names.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    int

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> codebook_version(read_survey("tests/surveys/data/raw/market"))
    1
    """
    return int(survey.steps["version"].max()) if len(survey.steps) else 1


def codes_at(survey: "Survey", version: int | None = None) -> pd.DataFrame:
    """The codes of one version of a codebook.

    Parameters
    ----------
    survey : Survey
    version : int, optional
        The present one where not given.

    Returns
    -------
    DataFrame, one row per code, index ``code``
        ``scheme``, ``parent``, and the columns of ``survey.codes`` for codes that are still there.

    Raises
    ------
    CodingError
        There is no such version.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> codes_at(read_survey("tests/surveys/data/raw/market"), 1)["parent"].to_dict()
    {'T1': '', 'T1.1': 'T1', 'T2': ''}
    """
    now = codebook_version(survey)
    version = now if version is None else version
    if not 1 <= version <= now:
        raise CodingError(Fault("codebook_steps.csv", f"version {version}", f"1 to {now}", column="version"))
    if version == now:
        return survey.codes
    tree = codebooks(survey.codes, survey.steps)[version]
    then = pd.DataFrame(
        list(tree.values()), index=pd.Index(tree, name="code", dtype="str"), columns=["scheme", "parent"]
    )
    still = survey.codes.drop(columns=["scheme", "parent"]).reindex(then.index)
    text = still.columns[still.dtypes == "str"]
    return pd.concat([then.astype("str"), still.assign(**{name: still[name].fillna("") for name in text})], axis=1)


def translate(spans: pd.DataFrame, survey: "Survey", version: int) -> pd.DataFrame:
    """Codings of older codebooks as a later one has them.

    Parameters
    ----------
    spans : DataFrame, one row per coding
        ``code``, ``codebook`` (the version it was made under), ``confirmed_codebook`` (the one it was confirmed under).
    survey : Survey
    version : int, of the codebook to read them under

    Returns
    -------
    DataFrame, the rows whose code was not retired
        ``code`` as that version calls it; ``open``: ``split`` or ``definition`` where the coding has to be made anew;
        ``now``: the codes that it may be now, separated by spaces.

    Notes
    -----
    Merged and renamed codes go over by themselves, moved ones stay what they are. A coding of a code that was split is
    open until a person says which part it is; one of a code that was defined anew, and not only wider, until a person
    confirms it.
    """
    read = spans.assign(open="", now=spans["code"]).astype({"open": "str", "now": "str"})
    kept = np.ones(len(read), dtype=bool)
    for step in survey.steps[survey.steps["version"] <= version].itertuples():
        older = (read["codebook"] < step.version) & kept
        mine = older & (read["code"] == step.code) & (read["open"] != "split")
        sure = mine & (read["confirmed_codebook"] < step.version)
        if step.step in ("merge", "rename"):
            read.loc[mine, "code"] = step.into
            read["now"] = _renamed(read["now"], older, step.code, step.into)
        elif step.step == "split":
            stays = step.code in step.into.split()
            unsure = sure if stays else mine
            read.loc[unsure, ["open", "now"]] = ["split", step.into]
        elif step.step == "redefine" and step.into != "wider":
            read.loc[sure & (read["open"] == ""), "open"] = "definition"
        elif step.step == "retire":
            kept &= ~mine.to_numpy()
    return read[kept]


def unread(answers: pd.DataFrame, spans: pd.DataFrame, survey: "Survey", version: int) -> pd.DataFrame:
    """Answers that were decided before a code was there, or before it took in more than it did.

    Parameters
    ----------
    answers : DataFrame, one row per answer that a coder decided
        ``coder``, ``role``, ``interview``, ``question``, ``codebook``.
    spans : DataFrame, one row per coding, from :func:`translate`
    survey : Survey
    version : int

    Returns
    -------
    DataFrame, one row per answer and code that has to be looked for
        The columns of an answer, ``code`` and ``reason``: ``new`` or ``definition``.
    """
    columns = ["coder", "role", "interview", "question"]
    found = [answers[columns].iloc[:0].assign(code="", reason="").astype("str")]
    tree, steps = codes_at(survey, version), survey.steps[survey.steps["version"] <= version]
    for place, step in enumerate(steps.itertuples()):
        if step.step != "add" and (step.step != "redefine" or step.into == "narrower"):
            continue
        code = _later_name(step.code, steps.iloc[place + 1 :])
        if code not in tree.index:
            continue
        scheme = survey.schemes[tree.at[code, "scheme"]]
        older = answers["question"].isin(scheme.questions) & (answers["codebook"] < step.version)
        has = pd.MultiIndex.from_frame(spans.loc[spans["code"] == code, columns])
        lacking = ~pd.MultiIndex.from_frame(answers[columns]).isin(has)
        reason = "new" if step.step == "add" else "definition"
        found.append(answers.loc[older & lacking, columns].assign(code=code, reason=reason))
    return pd.concat(found, ignore_index=True).drop_duplicates([*columns, "code"], ignore_index=True)


def code_faults(actions: pd.DataFrame, survey: "Survey") -> Iterator[Fault]:
    """Codes that no codebook had when they were given, and versions that there are not.

    Parameters
    ----------
    actions : DataFrame, one row per action
    survey : Survey
    """
    trees = codebooks(survey.codes, survey.steps)
    given = actions[actions["action"].isin(("add", "accept")) | (actions["codebook"] > len(trees))]
    for row in given.drop_duplicates(["file", "code", "codebook"]).head(_SHOWN).itertuples():
        if row.codebook not in trees:
            hint = "codebook_steps.csv is older than the codings"
            yield Fault(
                row.file, f"version {row.codebook}", f"1 to {max(trees)}", row=row.row, column="codebook", hint=hint
            )
        elif row.code not in trees[row.codebook]:
            known = trees[row.codebook]
            hint = near(row.code, known) or _whereabouts(row.code, trees) or _A_STEP
            yield Fault(row.file, f"code {row.code!r}", listed(known), row=row.row, column="code", hint=hint)


def fail_if_unknown(actions: pd.DataFrame, survey: "Survey") -> None:
    """Raise one error with every code and version that is not known."""
    fail_if(code_faults(actions, survey), CodingError)


def _renamed(now: pd.Series, older: pd.Series, code: str, into: str) -> pd.Series:
    """Codes that a coding may be, under their later names."""
    changed = older & now.str.split().map(lambda codes: code in codes).astype(bool)
    later = now[changed].map(
        lambda codes: " ".join(dict.fromkeys(into if one == code else one for one in codes.split()))
    )
    return now.mask(changed, later.reindex(now.index)).astype("str")


def _later_name(code: str, later: pd.DataFrame) -> str:
    """What a code is called after some more steps."""
    for step in later[later["step"].isin(("merge", "rename"))].itertuples():
        code = step.into if step.code == code else code
    return code


def _whereabouts(code: str, trees: dict) -> str:
    """Where a code can be found, if another version has it."""
    versions = [version for version, tree in trees.items() if code in tree]
    return f"it is a code of version {listed(map(str, versions))}" if versions else ""
