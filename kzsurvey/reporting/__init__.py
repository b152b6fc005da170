"""What is published: tables, figures and sentences that give nobody away, notebooks made into reports.

Names are loaded when first used: a notebook that only shows a table does not pay for the exporter.
"""

from importlib import import_module

_HOME = {
    "codebook_page": "codebook",
    "open_report": "context",
    "Report": "context",
    "withhold": "disclosure",
    "withhold_cells": "disclosure",
    "table": "outputs",
    "figure": "outputs",
    "classes": "histograms",
    "triangle_cells": "triangles",
    "chain_rows": "imputations",
    "distribution_rows": "imputations",
    "say": "prose",
    "table_output": "outputs",
    "figure_output": "outputs",
    "said": "prose",
    "run_notebooks": "notebooks",
    "ReportExporter": "exporter",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    """Import the module a name lives in when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'kzsurvey.reporting' has no name {name!r}")
    value = getattr(import_module(f"kzsurvey.reporting.{_HOME[name]}"), name)
    globals()[name] = value
    return value
