"""The one page that knows the order of the stages: read, one function, write."""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from kzsurvey import __version__, tables
from kzsurvey.cleaning import clean, read_answers
from kzsurvey.coding import Codings, code, compile_rules, example_faults, read_codings, with_people
from kzsurvey.errors import DefinitionError, DeliveryError, Fault, ReportError, fail_if
from kzsurvey.files import sha256
from kzsurvey.modelling import analyse, fit_models
from kzsurvey.survey import Survey, read_survey

Progress = Callable[[str], None]
PACKAGES = ("numpy", "pandas", "pyarrow", "scipy", "statsmodels", "formulaic", "opencc", "rapidfuzz")


def build(folder: str | Path, *, progress: Progress = print) -> dict[str, Path]:
    """Make the six tables of a survey from its definition and its delivered files.

    Parameters
    ----------
    folder : path
        The definition of the survey, ``data/raw/<survey>``; never written to.
    progress : function of one line of text
        Told what was done, stage by stage.

    Returns
    -------
    dict of table name to the Parquet file
        Under ``data/processed/<survey>``; written only when every stage has ended well.

    Raises
    ------
    SurveyError
        The definition, a delivered file, a code, the design or a model is at fault; nothing has been written.

    Examples
    --------
    >>> import shutil, tempfile
    >>> project = Path(tempfile.mkdtemp())
    >>> folder = shutil.copytree("tests/surveys/data/raw/market", project / "data" / "raw" / "market")
    >>> sorted(build(folder, progress=lambda line: None))
    ['analysis', 'answers', 'interviews', 'issues', 'mentions', 'terms']
    """
    survey = read_survey(folder)
    rules = compile_rules(survey)
    fail_if(example_faults(survey, rules=rules), DefinitionError)
    progress(
        f"{survey.name}: {len(survey.questions)} questions, {len(survey.codes)} codes, {len(survey.models)} models"
    )
    answers = read_answers(survey)
    progress(f"  read      {len(answers)} rows from {len(survey.delivered)} delivered files")
    interviews, issues = clean(answers, survey)
    fail_if(_nothing_left(answers, interviews, issues, survey), DeliveryError)
    progress(f"  cleaned   {len(interviews)} interviews, {len(issues)} issues")
    mentions = code(interviews, survey, rules=rules)
    progress(f"  coded     {len(mentions)} mentions of {mentions['code'].nunique()} codes")
    codings = read_codings(survey, interviews)
    mentions = with_people(mentions, codings, interviews, survey)
    issues = pd.concat([issues, codings.issues], ignore_index=True) if len(codings.issues) else issues
    for line in _by_hand(codings):
        progress(line)
    analysis = analyse(interviews, mentions, survey)
    terms = fit_models(analysis, survey)
    progress(f"  modelled  {terms['model'].nunique()} models, {len(terms)} terms")
    made = {
        "answers": answers,
        "interviews": interviews,
        "issues": issues,
        "mentions": mentions,
        "analysis": analysis,
        "terms": terms,
    }
    paths = tables.write_tables(made, survey.processed, manifest=_manifest(survey))
    progress(f"  written   {survey.processed}")
    return paths


def report(
    folder: str | Path,
    *,
    languages: Sequence[str] | None = None,
    to: Sequence[str] = ("html",),
    progress: Progress = print,
) -> list[Path]:
    """Make the reports of a survey that has been built.

    Parameters
    ----------
    folder : path
        The definition of the survey.
    languages : language codes
        Of those the survey has; all of them where none is named.
    to : kinds of file
    progress : function of one line of text

    Returns
    -------
    list of Path
        The reports, under ``reports/<survey>/<language>``.
    """
    from kzsurvey.reporting import run_notebooks

    survey = read_survey(folder)
    fail_if([*_changes_since_build(survey), *tables.table_faults(survey)], ReportError)
    return run_notebooks(survey, languages=languages, to=to, progress=progress)


def _by_hand(codings: Codings) -> Iterator[str]:
    """What people have coded, and what they have to look at again."""
    answers, queue = codings.answers, codings.queue
    if len(answers):
        again = f", {len(queue)} to decide again" if len(queue) else ""
        coders = answers["coder"].nunique()
        yield f"  by hand   {len(codings.spans)} codings in {len(answers)} decisions of {coders} coders{again}"


def _nothing_left(
    answers: pd.DataFrame, interviews: pd.DataFrame, issues: pd.DataFrame, survey: Survey
) -> Iterator[Fault]:
    """Rows were delivered, and not one is an interview."""
    if len(interviews):
        return
    files = ", ".join(delivered.path.name for delivered in survey.delivered)
    removed = issues.loc[issues["action"] == "removed", "kind"].value_counts()
    kinds = ", ".join(f"{kind} {number}" for kind, number in removed.items())
    found = f"no interview left of {len(answers)} rows ({kinds})"
    yield Fault(files, found, "at least one interview", column=survey.interview["id"])


def _manifest(survey: Survey) -> dict:
    """What the tables are made from: every file of the definition by its hash, and the versions that made them."""
    return {
        "survey": survey.name,
        "wave": survey.wave,
        "simulated": survey.simulated,
        "made_with": {"kzsurvey": __version__, **{name: version(name) for name in PACKAGES}},
        "seeds": {},
        "inputs": _inputs(survey),
    }


def _inputs(survey: Survey) -> dict[str, str]:
    """Every file that tables are made from, by its hash; a text for people is none."""
    files = sorted(path for path in survey.folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return {path.relative_to(survey.folder).as_posix(): sha256(path) for path in files if not path.name.startswith(".")}


def _changes_since_build(survey: Survey) -> Iterator[Fault]:
    """Files of the definition that are not what the tables were made from: a report would mix two surveys."""
    built, now = tables.read_manifest(survey).get("inputs", {}), _inputs(survey)
    for name in sorted(built.keys() | now.keys()):
        if built.get(name) != now.get(name):
            hint = f"run: kzsurvey build {survey.folder}"
            yield Fault(name, "a change since the last build", "the definition that was built", hint=hint)
