"""How things are linked: measures, weights, one design-based variance, estimates, regressions, declared models."""

from kzsurvey.modelling.analysis import analyse, sample_design, weighting
from kzsurvey.modelling.calibration import (
    Calibrated,
    calibrate,
    calibrated_design,
    poststratify,
    rake,
    trim,
    weighting_effect,
)
from kzsurvey.modelling.design import Calibration, Design, Replicates, degrees_of_freedom, make_design, with_replicates
from kzsurvey.modelling.estimates import Estimates, contrast, differences, mean, proportion, ratio, shares, total
from kzsurvey.modelling.families import FAMILIES, Family, statsmodels_family
from kzsurvey.modelling.measures import Reliability, measures, reliabilities, reliability, score
from kzsurvey.modelling.models import ESTIMATORS, domain, fit, fit_models
from kzsurvey.modelling.regression import fit_regression, regress, wald_test
from kzsurvey.modelling.results import Fit, benjamini_hochberg, holm, terms_table
from kzsurvey.modelling.variance import Linearised, covariance, infer

__all__ = [
    "ESTIMATORS",
    "FAMILIES",
    "Calibrated",
    "Calibration",
    "Design",
    "Estimates",
    "Family",
    "Fit",
    "Linearised",
    "Reliability",
    "Replicates",
    "analyse",
    "benjamini_hochberg",
    "calibrate",
    "calibrated_design",
    "contrast",
    "covariance",
    "degrees_of_freedom",
    "differences",
    "domain",
    "fit",
    "fit_models",
    "fit_regression",
    "holm",
    "infer",
    "make_design",
    "mean",
    "measures",
    "poststratify",
    "proportion",
    "rake",
    "ratio",
    "regress",
    "reliabilities",
    "reliability",
    "sample_design",
    "score",
    "shares",
    "statsmodels_family",
    "terms_table",
    "total",
    "trim",
    "wald_test",
    "weighting",
    "weighting_effect",
    "with_replicates",
]
