"""From interviews to a published, reproducible report: the names a notebook uses, each loaded when first asked for.

Examples
--------
>>> import kzsurvey as kz
>>> survey = kz.read_survey("tests/surveys/data/raw/market")
>>> interviews, issues = kz.clean(kz.read_answers(survey), survey)
>>> mentions = kz.code(interviews, survey)
>>> analysis = kz.analyse(interviews, mentions, survey)
>>> len(analysis) == len(interviews)
True
"""

from importlib import import_module

__version__ = "0.3.0"

_HOME = {
    "SurveyError": "errors",
    "read_survey": "survey",
    "read_answers": "cleaning",
    "clean": "cleaning",
    "code": "coding",
    "desk": "coding.desk",
    "read_codings": "coding",
    "concordance": "coding",
    "analyse": "modelling",
    "sample_design": "modelling",
    "fit": "modelling",
    "mean": "modelling",
    "proportion": "modelling",
    "prevalence": "modelling.declared.coded_shares",
    "read_processed": "tables",
    "open_report": "reporting",
    "table": "reporting",
    "figure": "reporting",
    "say": "reporting",
    "withhold": "reporting",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> object:
    """Import the stage a name lives in when the name is first used; `import kzsurvey` alone stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'kzsurvey' has no name {name!r}; it has {', '.join(_HOME)}")
    value = getattr(import_module(f"kzsurvey.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names a notebook can complete."""
    return sorted(__all__)
