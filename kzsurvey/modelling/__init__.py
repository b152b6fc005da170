"""How things are linked: measures, weights, one design-based variance, estimates, regressions, declared models."""

from kzsurvey.modelling.analysis import analyse, sample_design, weighting
from kzsurvey.modelling.calibration import (
    Calibrated,
    calibrate,
    calibrated_design,
    greg,
    poststratify,
    rake,
    trim,
    weighting_effect,
)
from kzsurvey.modelling.claims import (
    Moderation,
    along_moderator,
    average_effects,
    claimed_term,
    equations,
    fragility,
    indirect_along_rho,
    mediation_effects,
    mediation_paths,
    model_variables,
    route,
)
from kzsurvey.modelling.coded_regression import coded_regression
from kzsurvey.modelling.comparing import Comparison, LikelihoodRatio, compare, likelihood_ratio_test
from kzsurvey.modelling.comparisons import Test, chi_square, one_way, rank_test, t_test
from kzsurvey.modelling.correlated_errors import MediationSensitivity, mediation_sensitivity
from kzsurvey.modelling.correlations import Correlations, correlations, triangle
from kzsurvey.modelling.design import Calibration, Design, Replicates, degrees_of_freedom, make_design, with_replicates
from kzsurvey.modelling.estimates import (
    Estimates,
    contrast,
    differences,
    mean,
    proportion,
    ratio,
    shares,
    total,
    variances,
)
from kzsurvey.modelling.families import FAMILIES, Family, statsmodels_family
from kzsurvey.modelling.human_samples import RecallStop, draw_sample, recall_stop
from kzsurvey.modelling.items import ItemAnalysis, item_analysis, sample_table
from kzsurvey.modelling.margins import marginal_effects, predictions
from kzsurvey.modelling.measures import Reliability, measures, reliabilities, reliability, score
from kzsurvey.modelling.mediation import mediate
from kzsurvey.modelling.mixed import fit_mixed
from kzsurvey.modelling.models import ESTIMATORS, domain, fit, fit_models
from kzsurvey.modelling.moderation import JohnsonNeyman, interaction_curve, johnson_neyman, simple_slopes
from kzsurvey.modelling.ordinal import OrdinalRegression, fit_ordinal, ordinal_regress, proportional_odds_test
from kzsurvey.modelling.organisations import (
    Agreement,
    centred_by_group,
    decompose_correlation,
    intraclass,
    within_agreement,
)
from kzsurvey.modelling.overviews import Scales, correlated, group_tests, sample_overview, scale_tables
from kzsurvey.modelling.prevalence import answers_to_code, prevalence
from kzsurvey.modelling.quantiles import quantile, weighted_quantile
from kzsurvey.modelling.regression import fit_regression, regress, wald_test
from kzsurvey.modelling.replication import balanced, bootstrap, hadamard_matrix, jackknife
from kzsurvey.modelling.results import Fit, benjamini_hochberg, holm, terms_table
from kzsurvey.modelling.sensitivity import (
    EValue,
    adjusted_estimates,
    confounding_bounds,
    e_value,
    e_value_of,
    partial_r2,
    robustness_value,
)
from kzsurvey.modelling.variance import Linearised, covariance, infer, joined, transformed

__all__ = [
    "ESTIMATORS",
    "FAMILIES",
    "Agreement",
    "Calibrated",
    "Calibration",
    "Comparison",
    "Correlations",
    "Design",
    "EValue",
    "Estimates",
    "Family",
    "Fit",
    "ItemAnalysis",
    "JohnsonNeyman",
    "LikelihoodRatio",
    "Linearised",
    "MediationSensitivity",
    "Moderation",
    "OrdinalRegression",
    "RecallStop",
    "Reliability",
    "Replicates",
    "Scales",
    "Test",
    "adjusted_estimates",
    "along_moderator",
    "analyse",
    "answers_to_code",
    "average_effects",
    "balanced",
    "benjamini_hochberg",
    "bootstrap",
    "calibrate",
    "calibrated_design",
    "centred_by_group",
    "chi_square",
    "claimed_term",
    "coded_regression",
    "compare",
    "confounding_bounds",
    "contrast",
    "correlated",
    "correlations",
    "covariance",
    "decompose_correlation",
    "degrees_of_freedom",
    "differences",
    "domain",
    "draw_sample",
    "e_value",
    "e_value_of",
    "equations",
    "fit",
    "fit_mixed",
    "fit_models",
    "fit_ordinal",
    "fit_regression",
    "fragility",
    "greg",
    "group_tests",
    "hadamard_matrix",
    "holm",
    "indirect_along_rho",
    "infer",
    "interaction_curve",
    "intraclass",
    "item_analysis",
    "jackknife",
    "johnson_neyman",
    "joined",
    "likelihood_ratio_test",
    "make_design",
    "marginal_effects",
    "mean",
    "measures",
    "mediate",
    "mediation_effects",
    "mediation_paths",
    "mediation_sensitivity",
    "model_variables",
    "one_way",
    "ordinal_regress",
    "partial_r2",
    "poststratify",
    "predictions",
    "prevalence",
    "proportion",
    "proportional_odds_test",
    "quantile",
    "rake",
    "rank_test",
    "ratio",
    "recall_stop",
    "regress",
    "reliabilities",
    "reliability",
    "robustness_value",
    "route",
    "sample_design",
    "sample_overview",
    "sample_table",
    "scale_tables",
    "score",
    "shares",
    "simple_slopes",
    "statsmodels_family",
    "t_test",
    "terms_table",
    "total",
    "transformed",
    "triangle",
    "trim",
    "variances",
    "wald_test",
    "weighted_quantile",
    "weighting",
    "weighting_effect",
    "with_replicates",
    "within_agreement",
]
