"""Path models give what lavaan gives (tests/reference/paths.R), and what svyrecvar gives under a design."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "paths.json").read_text())
ITEMS = ["p1", "p2", "p3", "l1", "l2", "l3", "v1", "v2", "v3"]
CFA = "pay =~ p1 + p2 + p3\nload =~ l1 + l2 + l3\nleave =~ v1 + v2 + v3\n"
ORDINAL = "pay =~ P1 + P2 + P3\nload =~ L1 + L2 + L3\nleave =~ V1 + V2 + V3\n"
MISSING = "pay =~ mp1 + mp2 + mp3\nload =~ ml1 + ml2 + ml3\nleave =~ mv1 + mv2 + mv3\n"
UNITS = CFA.replace("l1 + l2 + l3", "l2 + l3 + l1")
STRUCTURE = "load ~ a*pay\nleave ~ b*load + c*pay\n"
MODEL = {"errors": "model"}
ROBUST = {"covariates": "fixed"}
WLSMV = {"ordered": [item.upper() for item in ITEMS]}

# case: syntax, options. Errors of the design are n / (n - 1) of lavaan's, whose sums of squares are divided by n.
CASES = {
    "ml": (CFA, MODEL),
    "mlr": (CFA, ROBUST),
    "mlm": (CFA, {"estimator": "MLM"}),
    "wishart": (CFA, {"likelihood": "wishart", **MODEL}),
    "unit": (CFA, {"scale": "unit", **MODEL}),
    "gls": (CFA, {"estimator": "GLS", **MODEL}),
    "wls": (CFA, {"estimator": "WLS", **MODEL}),
    "paths": (CFA + STRUCTURE + "indirect := a*b\nshare := a*b/(a*b + c)", MODEL),
    "linear": (UNITS + STRUCTURE + "a == -b\nd := a + c", MODEL),
    "nonlinear": ("pay =~ p1 + e*p2 + f*p3\nleave =~ v1 + v2 + g*v3\nf == e^2\ne2 := exp(f)/g", MODEL),
    "labels": (
        "pay =~ p1 + e*p2 + e*p3\nleave =~ NA*v1 + v2 + start(0.5)*v3\nleave ~~ 1*leave\nv1 ~~ p1\np2 ~~ 0.9*p2",
        MODEL,
    ),
    "second": (CFA + "strain =~ leave + load + pay", MODEL),
    "single": ("load =~ l1 + l2 + l3\nquit =~ v1\nquit ~ load\nload ~ age + male\nl1 ~ 1", MODEL | ROBUST),
    "observed": ("v1 ~ b*l2 + male\nl2 ~ a*p1 + age\nab := a*b", MODEL | ROBUST),
    "covariates": (CFA + "load ~ pay + male + age\nleave ~ load + pay + male", ROBUST),
    "fiml": (MISSING, {"missing": "fiml", **MODEL}),
    "fiml_mlr": (MISSING, {"missing": "fiml"}),
    "fiml_covariates": (MISSING + "load ~ pay + male + age", {"missing": "fiml", **ROBUST}),
    "partial": (
        CFA,
        {"groups": "office", "equal": ["loadings", "intercepts"], "partial": ["load =~ l2", "l2 ~1"], **MODEL},
    ),
    "by_group": (
        "leave =~ v1 + v2 + v3\nleave ~ c(a, b)*age\nage_gap := a - b",
        {"groups": "office", **MODEL, **ROBUST},
    ),
    "ordinal": (ORDINAL, WLSMV),
    "ordinal_paths": (ORDINAL + STRUCTURE + "indirect := a*b", WLSMV),
    "ordinal_covariates": (ORDINAL + "load ~ pay + male + age\nleave ~ load + male", WLSMV | ROBUST),
}
FIT = {
    "parameters": ("npar",),
    "chi_square": ("chisq", "chisq.scaled"),
    "df": ("df",),
    "p_value": ("pvalue", "pvalue.scaled"),
    "scaling": (None, "chisq.scaling.factor"),
    "baseline_chi_square": ("baseline.chisq", "baseline.chisq.scaled"),
    "cfi": ("cfi", "cfi.scaled", "cfi.robust"),
    "tli": ("tli", "tli.scaled", "tli.robust"),
    "rmsea": ("rmsea", "rmsea.scaled", "rmsea.robust"),
    "rmsea_low": ("rmsea.ci.lower", "rmsea.ci.lower.scaled", "rmsea.ci.lower.robust"),
    "rmsea_high": ("rmsea.ci.upper", "rmsea.ci.upper.scaled", "rmsea.ci.upper.robust"),
    "rmsea_p_close": ("rmsea.pvalue",),
    "srmr": ("srmr",),
    "log_likelihood": ("logl",),
    "aic": ("aic",),
    "bic": ("bic",),
}


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "paths.csv")


def drawn_one_by_one(people):
    return m.make_design(people.reset_index(drop=True), weight=np.ones(len(people)))


def fitted(people, syntax, **options):
    return m.fit_paths(people, syntax, design=drawn_one_by_one(people), **options)


def keyed(columns, value, groups=("",)):
    """Values of R by parameter and group."""
    group = columns.get("group") or [1] * len(columns["lhs"])
    found = {}
    for lhs, op, rhs, place, number in zip(
        columns["lhs"], columns["op"], columns["rhs"], group, columns[value], strict=True
    ):
        if op == ":=":
            found[lhs] = number
            continue
        suffix = f" [{groups[place - 1]}]" if len(groups) > 1 else ""
        for one, other in {(lhs, rhs), (rhs, lhs) if op == "~~" else (lhs, rhs)}:
            found[f"{one} {op} {other}".strip() + suffix] = number
    return found


def groups_of(fit):
    return fit.solved.sample.columns.groups


@pytest.mark.parametrize("case", CASES)
def test_estimates_and_errors(people, case):
    syntax, options = CASES[case]
    fit = fitted(people, syntax, **options)
    param = R[case]["param"]
    estimate, error = (keyed(param, name, groups_of(fit)) for name in ("est", "se"))
    wanted = fit.terms["term"].tolist()
    np.testing.assert_allclose(fit.terms["estimate"], [estimate[term] for term in wanted], rtol=1e-4, atol=2e-6)
    n = fit.summary["n"]
    lavaan = options.get("errors") == "model" or fit.extra["estimator"] == "DWLS"
    size = 1.0 if lavaan else np.sqrt((n - 1) / n)
    np.testing.assert_allclose(size * fit.terms["std_error"], [error[term] for term in wanted], rtol=1e-4)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("covariates", "fiml_covariates")])
def test_fit_indices(people, case):
    syntax, options = CASES[case]
    fit = fitted(people, syntax, **options)
    table = fit.indices.set_index("index")
    n = fit.summary["n"]
    scaled = 1.0 if fit.extra["estimator"] == "DWLS" else n / (n - 1)
    for index, names in FIT.items():
        for column, name in zip(("value", "scaled", "robust"), names, strict=False):
            if case == "ordinal_covariates" and index == "srmr":
                continue  # lavaan's counts the slopes of covariates in some way; ours the correlations alone
            if name is None or R[case]["fit"].get(name) in (None, "NA"):
                continue
            tolerance = 1e-4 if column == "value" or scaled == 1.0 else 2e-2
            assert table.loc[index, column] == pytest.approx(
                R[case]["fit"][name], rel=tolerance, abs=2e-3 * (tolerance > 1e-4) + 1e-7
            ), name


@pytest.mark.parametrize("scale", ["all", "latent"])
@pytest.mark.parametrize(
    "case", ["ml", "paths", "unit", "second", "observed", "fiml", "by_group", "ordinal", "ordinal_paths"]
)
def test_standardised_terms_and_their_delta_errors(people, case, scale):
    syntax, options = CASES[case]
    fit = fitted(people, syntax, **options)
    table = m.standardised(fit, scale=scale).set_index("term")
    given = R[case]["std.all" if scale == "all" else "std.lv"]
    if "group" not in given and len(groups_of(fit)) > 1:
        given = given | {"group": R[case]["param"]["group"]}
    estimate, error = (keyed(given, name, groups_of(fit)) for name in ("est.std", "se"))
    wanted = [term for term in table.index if term in estimate]
    assert len(wanted) >= 0.8 * len(table)
    np.testing.assert_allclose(table.loc[wanted, "estimate"], [estimate[term] for term in wanted], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(table.loc[wanted, "std_error"], [error[term] for term in wanted], rtol=2e-4, atol=1e-6)


def named(names):
    """Terms of R's coefficient names: labels apart."""
    return [name.replace("=~", " =~ ").replace("~~", " ~~ ").replace("~1", " ~1") for name in names]


LABELS = {"a": "load ~ pay", "b": "leave ~ load", "c": "leave ~ pay"}


@pytest.mark.parametrize(
    ("case", "syntax", "options"),
    [
        ("designed", CFA + STRUCTURE, {"means": True}),
        ("designed_fiml", MISSING, {"missing": "fiml"}),
    ],
)
def test_weights_strata_and_clusters_give_what_svyrecvar_gives(people, case, syntax, options):
    design = m.make_design(people, weight="weight", strata="stratum", clusters="village")
    fit = m.fit_paths(people, syntax, design=design, **options)
    found = fit.terms.set_index("term")
    wanted = [LABELS.get(name, name) for name in named(R[case]["names"])]
    flipped = [term if term in found.index else " ~~ ".join(reversed(term.split(" ~~ "))) for term in wanted]
    np.testing.assert_allclose(found.loc[flipped, "estimate"], R[case]["est"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.loc[flipped, "std_error"], R[case]["se"], rtol=1e-4)
    assert fit.summary["df"] == 40 - 4


def test_replicate_weights_come_near_linearisation(people):
    design = m.make_design(people, weight="weight", strata="stratum", clusters="village")
    covariates = ORDINAL + "load ~ pay + male + age\nleave ~ load"
    for syntax, options in ((CFA, {}), (ORDINAL, WLSMV), (MISSING, {"missing": "fiml"}), (covariates, WLSMV)):
        errors = [
            m.fit_paths(people, syntax, design=one, **options).terms["std_error"]
            for one in (design, m.jackknife(design))
        ]
        np.testing.assert_allclose(errors[0], errors[1], rtol=0.15 if syntax != covariates else 0.25)


def test_the_adjusted_test_is_that_of_mlmv(people):
    fit = fitted(people, CFA, estimator="MLM")
    test = fit.solved.test
    assert test.statistic == pytest.approx(R["mlmv"]["fit"]["chisq"], rel=1e-6)
    assert test.adjusted == pytest.approx(R["mlmv"]["fit"]["chisq.scaled"], rel=3e-3)


def test_polychoric_correlations(people):
    found = m.polychoric(people[[item.upper() for item in ITEMS]], design=drawn_one_by_one(people))
    np.testing.assert_allclose(found.matrix(), R["polychoric"]["R"], atol=1e-6)


def test_pairs_of_answers(people):
    items = {item.upper(): people[item.upper()].where(people[f"m{item}"].notna()) for item in ITEMS}
    fit = fitted(people.assign(**items), ORDINAL, missing="pairwise", **WLSMV)
    estimate, error = (keyed(R["ordinal_pairwise"]["param"], name) for name in ("est", "se"))
    terms = fit.terms["term"].tolist()
    np.testing.assert_allclose(fit.terms["estimate"], [estimate[term] for term in terms], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fit.terms["std_error"], [error[term] for term in terms], rtol=1e-3)


def test_numbers_beside_ordinal_items_are_near_lavaan_whose_errors_of_numbers_need_normality(people):
    fit = fitted(people, "pay =~ P1 + P2 + P3\nload =~ l2 + l3 + v2", ordered=["P1", "P2", "P3"])
    estimate, error = (keyed(R["mixed"]["param"], name) for name in ("est", "se"))
    terms = fit.terms["term"].tolist()
    np.testing.assert_allclose(fit.terms["estimate"], [estimate[term] for term in terms], rtol=0.02, atol=0.01)
    ours = fit.terms.set_index("term")["std_error"]
    latent = [term for term in terms if "~~" not in term]
    np.testing.assert_allclose(ours[latent], [error[term] for term in latent], rtol=0.05)
    assert ours["v2 ~~ v2"] > 1.3 * error["v2 ~~ v2"]  # heavy tails


def test_the_error_of_a_variance_knows_heavy_tails():
    rng = np.random.default_rng(5)
    values = rng.standard_t(6, size=(400, 300))
    drawn = np.var(values, axis=1)
    table = pd.DataFrame({"x": values[0], "item": rng.integers(1, 3, 300), "other": rng.integers(1, 4, 300)})
    fits = [
        m.fit_paths(table.assign(x=column), "x ~~ x + item + other", ordered=["item", "other"])
        for column in values[:40]
    ]
    errors = [fit.terms.set_index("term").loc["x ~~ x", "std_error"] for fit in fits]
    assert np.median(errors) == pytest.approx(np.std(drawn), rel=0.25)


def test_modification_indices(people):
    for case in ("ml", "ordinal"):
        syntax, options = CASES[case]
        table = m.modification_indices(fitted(people, syntax, **options)).set_index("term")
        given = R[case]["mi"]
        names = {"mi": "mi", "epc": "epc"} | ({"sepc.all": "sepc"} if case == "ml" else {})
        for name, column in names.items():
            wanted = keyed(given, name)
            here = [term for term in wanted if term in table.index]
            assert len(here) >= 12
            near = 1e-4 if case == "ml" else 5e-3  # lavaan counts n - 1 rows twice here
            np.testing.assert_allclose(table.loc[here, column], [wanted[term] for term in here], rtol=near)


@pytest.mark.parametrize("level", ["configural", "metric", "scalar", "strict"])
def test_groups(people, level):
    fit = m.invariance(people, CFA, groups="office", design=drawn_one_by_one(people), levels=[level]).fits[level]
    estimate, error = (keyed(R["groups"][level]["param"], name, groups_of(fit)) for name in ("est", "se"))
    terms, n = fit.terms["term"].tolist(), fit.summary["n"]
    np.testing.assert_allclose(fit.terms["estimate"], [estimate[term] for term in terms], rtol=1e-4, atol=1e-5)
    errors = fit.terms["std_error"] * np.sqrt((n - 1) / n)
    np.testing.assert_allclose(errors, [error[term] for term in terms], rtol=3e-3)  # means of groups are centred apart
    table, given = fit.indices.set_index("index"), R["groups"][level]["fit"]
    assert table.loc["chi_square", "value"] == pytest.approx(given["chisq"], rel=1e-6)
    assert table.loc["srmr", "value"] == pytest.approx(given["srmr"], rel=1e-4)
    assert table.loc["chi_square", "scaled"] == pytest.approx(given["chisq.scaled"], rel=1e-2)


def test_differences_between_levels_are_scaled(people):
    found = m.invariance(people, CFA, groups="office", design=drawn_one_by_one(people))
    n = len(people)
    for before, level in (("configural", "metric"), ("metric", "scalar"), ("scalar", "strict")):
        for method, name, near in (("satorra_bentler2001", "sb2001", 1e-3), ("satorra2000", "satorra2000", 3e-2)):
            test = m.compare_paths(found.fits[level], found.fits[before], method=method).iloc[0]
            assert test["scaled"] * n / (n - 1) == pytest.approx(R["steps"][level][name], rel=near)
            assert test["df"] == R["steps"][level]["df"]
    assert found.table["difference_df"].tolist()[1:] == [6, 6, 9]


def test_thresholds_equal_between_groups(people):
    found = m.invariance(people, ORDINAL, groups="office", design=drawn_one_by_one(people), **WLSMV)
    for level, fit in found.fits.items():
        given, table = R["ordinal_groups"][level], fit.indices.set_index("index")
        estimate = keyed(given["param"], "est", groups_of(fit))
        terms = [term for term in fit.terms["term"] if "~*~" not in term]
        ours = fit.terms.set_index("term").loc[terms, "estimate"]
        np.testing.assert_allclose(ours, [estimate[term] for term in terms], rtol=1e-4, atol=1e-5)
        for index, names in (("chi_square", ("chisq", "chisq.scaled")), ("cfi", ("cfi", "cfi.scaled"))):
            for column, name in zip(("value", "scaled"), names, strict=True):
                assert table.loc[index, column] == pytest.approx(given["fit"][name], rel=5e-4)
    assert found.table["difference"].to_numpy()[1:] == pytest.approx(R["ordinal_steps"]["diff"], rel=2e-3)
