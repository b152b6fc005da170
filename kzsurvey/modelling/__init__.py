"""How things are linked: measures, weights, one design-based variance, estimates, regressions, declared models.

Each name is loaded when it is first asked for, so that a build pays for the estimators it uses and no others.
"""

from importlib import import_module

_HOME = {
    "sampling.calibration": "Calibrated calibrate calibrated_design greg poststratify rake trim weighting_effect",
    "sampling.design": "Calibration Design Replicates degrees_of_freedom make_design with_replicates",
    "sampling.replication": "balanced bootstrap hadamard_matrix jackknife",
    "sampling.variance": "Linearised contributions covariance infer joined transformed",
    "describing.comparisons": "Test chi_square one_way rank_test t_test",
    "describing.correlations": "Correlations correlations triangle",
    "describing.estimates": "Estimates contrast differences mean proportion ratio shares total variances",
    "describing.organisations": "Agreement centred_by_group decompose_correlation intraclass within_agreement",
    "describing.polychoric": "Polychoric polychoric",
    "describing.quantiles": "quantile weighted_quantile",
    "scales.items": "ItemAnalysis item_analysis sample_table",
    "scales.coefficients": "coefficients",
    "scales.factors": (
        "FactorAnalysis ParallelAnalysis factor_analysis parallel_analysis sampling_adequacy single_factor"
    ),
    "scales.measures": "measures score",
    "scales.reliability": "Reliability reliabilities reliability",
    "regression.comparing": "Comparison LikelihoodRatio compare likelihood_ratio_test",
    "regression.families": "FAMILIES Family statsmodels_family",
    "regression.mixed": "fit_mixed",
    "regression.ordinal": "OrdinalRegression fit_ordinal ordinal_regress proportional_odds_test",
    "regression.regression": "fit_regression regress wald_test",
    "regression.results": "Fit benjamini_hochberg holm terms_table",
    "effects.correlated_errors": "MediationSensitivity mediation_sensitivity",
    "effects.margins": "marginal_effects predictions",
    "effects.mediation": "mediate",
    "effects.moderation": "JohnsonNeyman interaction_curve johnson_neyman simple_slopes",
    "effects.sensitivity": (
        "EValue adjusted_estimates confounding_bounds e_value e_value_of partial_r2 robustness_value"
    ),
    "coded.coded_regression": "coded_regression",
    "coded.correspondence": "Correspondence correspondence",
    "coded.distinctive": "codes_by_groups distinctive",
    "coded.human_samples": "RecallStop draw_sample recall_stop",
    "coded.prevalence": "answers_to_code prevalence",
    "missing.distributions": "distributions",
    "missing.imputation": "Imputed Scale impute",
    "missing.little": "LittleTest little_test",
    "missing.patterns": "missing_by missing_counts missing_patterns",
    "missing.pooling": "Pooled pool with_imputations",
    "missing.rubin": "PooledTest Rubin pooled_statistics pooled_wald rubin",
    "missing.variables": "asked_rows",
    "robustness.leaving_out": "Influence influence leave_one_out",
    "robustness.selection": "oster",
    "robustness.specifications": "SpecificationCurve specification_curve",
    "robustness.stepdown": "romano_wolf",
    "planning.power": "power sample_shape",
    "paths.bootstrap": "PathBootstrap path_bootstrap",
    "paths.composites": "composite_reliability",
    "paths.comparing": "Invariance compare_paths invariance",
    "paths.further": "modification_indices path_arrows standardised",
    "paths.paths": "fit_paths",
    "paths.results": "PathFit",
    "coded.together": "co_occurrence",
    "declared.analysis": "analyse sample_design weighting",
    "declared.claims": (
        "Moderation along_moderator average_effects claimed_term equations fragility indirect_along_rho "
        "mediation_effects mediation_paths model_variables route"
    ),
    "declared.fragile": "declared_curves selection_on_controls without_each",
    "declared.imputed": "impute_analysis variables_named",
    "declared.models": "ESTIMATORS complete_cases domain fit fit_models",
    "declared.plans": "declared_plans",
    "declared.scales": "CommonFactors Measurement common_factors measurement scale_coefficients",
    "declared.coded_shares": "corrected_shares draw_coding_sample",
    "declared.overviews": "Scales correlated group_tests sample_overview scale_tables",
}
_MODULE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = sorted(_MODULE)


def __getattr__(name: str) -> object:
    """Import the module a name lives in when the name is first used."""
    if name not in _MODULE:
        raise AttributeError(f"module 'kzsurvey.modelling' has no name {name!r}")
    value = getattr(import_module(f"kzsurvey.modelling.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The names a notebook can complete."""
    return __all__
