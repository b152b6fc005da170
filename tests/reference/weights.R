# Makes weights.json: replicate weights, their calibration and strata at the second stage, as R's survey has them, on
# the sample of modelling.csv.   Rscript weights.R   in this folder; R 4.2.2, survey 4.1-1, jsonlite 1.8.4
# Iterations are run to the end (epsilon 1e-13). What survey 4.5 does otherwise (lonely.psu = "adjust" at a lower stage)
# is checked against its rule in the test.
suppressMessages({library(survey); library(jsonlite)})
options(digits = 17, survey.lonely.psu = "certainty")

people <- read.csv("modelling.csv")
people$z <- factor(people$z, c("low", "middle", "high"))
people$all <- 112
people$group <- people$households + 5 * people$b
tight <- glm.control(epsilon = 1e-15, maxit = 200)
numbers <- function(object) list(estimate = as.vector(coef(object)), covariance = as.matrix(unname(vcov(object))))
told <- function(d) list(
  df = degf(d),
  total = numbers(svytotal(~hours + visits, d)),
  mean = numbers(svymean(~hours + b, d)),
  ratio = numbers(svyratio(~visits, ~hours, d)),
  domain = numbers(svymean(~hours, subset(d, b == 1))),
  logistic = numbers(svyglm(b ~ hours + z, d, family = quasibinomial, control = tight))
)
replicated <- function(d, type, ...) {
  r <- suppressWarnings(as.svrepdesign(d, type = type, ...))
  c(told(r), list(factor = r$scale * r$rscales))
}
plain <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = people)
finite <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, fpc = ~villages, data = people)
unstratified <- svydesign(id = ~cluster, weights = ~weight, data = people)
unstratified_finite <- svydesign(id = ~cluster, weights = ~weight, fpc = ~all, data = people)

# Two clusters in each stratum, in the order of the strata, for half-samples.
first <- unlist(lapply(split(people$cluster, people$stratum), function(names) unique(names)[1:2]))
halves <- people[people$cluster %in% first, ]
halves <- halves[order(halves$stratum), ]
paired <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = halves)
matrix <- survey:::hadamard(4)

lonely <- function(how) {
  options(survey.lonely.psu = how)
  result <- replicated(svydesign(id = ~cluster, strata = ~lonely, weights = ~weight, data = people), "JKn")
  options(survey.lonely.psu = "certainty")
  result
}
z_counts <- data.frame(z = c("low", "middle", "high"), Freq = c(1900, 1100, 800))
stratum_counts <- data.frame(stratum = c("east", "north", "south", "west"), Freq = c(1100, 1500, 800, 400))
totals <- c("(Intercept)" = 3800, zmiddle = 1100, zhigh = 800, hours = 130000)
jackknife <- as.svrepdesign(plain, type = "JKn", compress = FALSE)
margins <- c("(Intercept)" = 3800, zmiddle = 1100, zhigh = 800, stratumnorth = 1500, stratumsouth = 800, stratumwest = 400)
calibrated <- list(
  post = postStratify(jackknife, ~z, z_counts),
  raked = rake(jackknife, list(~z, ~stratum), list(z_counts, stratum_counts), control = list(maxit = 500, epsilon = 1e-14)),
  greg = calibrate(jackknife, ~z + stratum, margins, compress = FALSE, calfun = "linear"),
  linear = calibrate(jackknife, ~z + hours, totals, compress = FALSE, calfun = "linear"),
  bounded = calibrate(jackknife, ~z + hours, totals, compress = FALSE, calfun = "linear", bounds = c(.4, 2.2), epsilon = 1e-13),
  raking = calibrate(jackknife, ~z + hours, totals, compress = FALSE, calfun = "raking", epsilon = 1e-13),
  logit = calibrate(jackknife, ~z + hours, totals, compress = FALSE, calfun = "logit", bounds = c(.3, 3), epsilon = 1e-13)
)

below <- function(how) {
  options(survey.lonely.psu = how)
  d <- svydesign(id = ~cluster + person, strata = ~stratum + b, weights = ~weight, fpc = ~villages + group, data = people)
  result <- list(total = numbers(svytotal(~hours + visits, d)), ratio = numbers(svyratio(~visits, ~hours, d)))
  options(survey.lonely.psu = "certainty")
  result
}
result <- list(
  R = R.version.string, survey = as.character(packageVersion("survey")),
  jkn = replicated(plain, "JKn"), jkn_finite = replicated(finite, "JKn"),
  jk1 = replicated(unstratified, "JK1"), jk1_finite = replicated(unstratified_finite, "JK1"),
  jkn_certainty = lonely("certainty"), jkn_adjust = lonely("adjust"), jkn_average = lonely("average"),
  hadamard = matrix, paired = told(paired),
  brr = replicated(paired, "BRR", hadamard.matrix = matrix),
  fay = replicated(paired, "Fay", fay.rho = .3, hadamard.matrix = matrix),
  subbootstrap_scale = as.svrepdesign(plain, type = "subbootstrap", replicates = 50)$scale,
  calibrated = lapply(calibrated, function(d) c(told(d)[c("total", "ratio", "domain", "logistic")],
                      list(weight = as.vector(weights(d, "sampling")), last = as.vector(weights(d, "analysis")[, 28])))),
  lower = list(certainty = below("certainty"), average = tryCatch(below("average"), error = function(e) NULL))
)
write_json(result, "weights.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
