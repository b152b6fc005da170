# Makes modelling.csv (a simulated two-stage sample) and modelling.json (what R's survey says of it).
#   Rscript modelling.R        in this folder; R 4.2.2, survey 4.1-1, jsonlite 1.8.4
# Iterations are run to the end (epsilon 1e-15), so that the values are those of the estimator, not of its stopping rule.
suppressMessages({library(survey); library(jsonlite)})
options(digits = 17, survey.lonely.psu = "certainty")
set.seed(20240501)

villages <- c(north = 40, east = 30, south = 20, west = 12)
drawn <- c(north = 9, east = 8, south = 6, west = 5)
people <- do.call(rbind, lapply(names(villages), function(stratum) {
  do.call(rbind, lapply(seq_len(drawn[[stratum]]), function(village) {
    size <- sample(12:60, 1)
    n <- sample(3:12, 1)
    effect <- rnorm(1, 0, 0.5)
    data.frame(stratum = stratum, village = village, households = size, villages = villages[[stratum]],
               effect = effect, person = seq_len(n), pw = villages[[stratum]] / drawn[[stratum]] * size / n)
  }))
}))
n <- nrow(people)
people$weight <- round(people$pw * exp(rnorm(n, 0, 0.3)), 4)
people$x <- round(rnorm(n, 10 + people$effect, 3), 3)
people$z <- sample(c("low", "middle", "high"), n, TRUE, c(.5, .3, .2))
people$y <- round(20 + 0.8 * people$x + 3 * (people$z == "high") + 4 * people$effect + rnorm(n, 0, 4), 3)
people$b <- rbinom(n, 1, plogis(-2 + 0.15 * people$x + 0.6 * people$effect))
people$hours <- round(runif(n, 5, 60), 2)
people$visits <- rpois(n, people$hours * exp(-3 + 0.08 * people$x + 0.4 * people$effect))
for (item in 1:4) people[[paste0("item", item)]] <- pmin(5, pmax(1, round(3 + people$effect + (people$x - 10) / 3 * .6 + rnorm(n))))
people$x[sample(n, 9)] <- NA
people$y[sample(n, 7)] <- NA
people$item2[sample(n, 6)] <- NA
people$lonely <- ifelse(people$stratum == "west" & people$village > 1, "south", people$stratum)
people$cluster <- paste0(substr(people$stratum, 1, 1), people$village)
people$z <- factor(people$z, c("low", "middle", "high"))
people$person <- paste0(people$cluster, "-", people$person)
people <- people[sample(n), c("stratum", "lonely", "cluster", "person", "villages", "households", "weight", "x", "y", "z", "b", "hours", "visits", paste0("item", 1:4))]
write.csv(people, "modelling.csv", row.names = FALSE, na = "")
people <- read.csv("modelling.csv")
people$z <- factor(people$z, c("low", "middle", "high"))

tight <- glm.control(epsilon = 1e-15, maxit = 200)
numbers <- function(object) list(estimate = as.vector(coef(object)), std_error = as.vector(SE(object)))
terms <- function(fit) {
  s <- summary(fit)$coefficients
  list(term = rownames(s), estimate = s[, 1], std_error = s[, 2], p_value = s[, 4], df = fit$df.residual,
       deviance = fit$deviance, null_deviance = fit$null.deviance,
       dispersion = as.vector(summary(fit)$dispersion),
       aic = if (fit$family$family != "gaussian" && inherits(fit$survey.design, "survey.design2")) as.vector(extractAIC(fit)[c("AIC", "eff.p")]))
}
alpha <- function(design) {
  items <- ~item1 + item2 + item3 + item4
  inside <- subset(design, !is.na(item2))
  v <- svyvar(items, inside)
  value <- function(m) 4 / 3 * (1 - sum(diag(m)) / sum(m))
  at <- matrix(as.vector(coef(v)), 4)
  gradient <- sapply(1:16, function(i) { h <- at; h[i] <- h[i] + 1e-5; l <- at; l[i] <- l[i] - 1e-5; (value(h) - value(l)) / 2e-5 })
  list(estimate = value(at), std_error = sqrt(as.vector(gradient %*% vcov(v) %*% gradient)))
}
everything <- function(d) {
  known <- subset(d, !is.na(y))
  list(
    df = degf(d),
    mean_y = numbers(svymean(~y, d, na.rm = TRUE)),
    deff_y = as.vector(deff(svymean(~y, d, na.rm = TRUE, deff = "replace"))),
    mean_x = numbers(svymean(~x, d, na.rm = TRUE)),
    total_hours = numbers(svytotal(~hours, d)),
    deff_total = as.vector(deff(svytotal(~hours, d, deff = "replace"))),
    ratio = numbers(svyratio(~visits, ~hours, d)),
    shares_z = numbers(svymean(~z, d)),
    mean_by = numbers(svyby(~hours, ~z, d, svymean)),
    total_by = numbers(svyby(~hours, ~z, d, svytotal)),
    covariance_by = if (is.null(d$postStrata)) vcov(svyby(~hours, ~z, d, svymean, covmat = TRUE)),
    domain = c(numbers(svymean(~hours, subset(d, b == 1))), df = degf(subset(d, b == 1))),
    logit_interval = as.vector(attr(svyciprop(~b, d, method = "xlogit"), "ci")),
    beta_interval = as.vector(attr(svyciprop(~b, d, method = "beta"), "ci")),
    linear = terms(svyglm(y ~ x + z, d)),
    interaction = terms(svyglm(y ~ x * z, d)),
    linear_domain = terms(svyglm(y ~ x, subset(d, stratum != "west"))),
    logistic = terms(svyglm(b ~ x + z, d, family = quasibinomial, control = tight)),
    probit = terms(svyglm(b ~ x + z, d, family = quasibinomial("probit"), control = tight)),
    poisson = terms(svyglm(visits ~ x + z + offset(log(hours)), d, family = quasipoisson, control = tight)),
    wald = { r <- regTermTest(svyglm(y ~ x + z, d), ~z); list(f = as.vector(r$Ftest), df = r$df, p = as.vector(r$p)) },
    alpha = alpha(d)
  )
}
replicated <- function(d) list(
  df = degf(d),
  factor = d$scale * d$rscales,
  mean_y = numbers(svymean(~y, d, na.rm = TRUE)),
  total_hours = numbers(svytotal(~hours, d)),
  ratio = numbers(svyratio(~visits, ~hours, d)),
  linear = terms(svyglm(y ~ x + z, d)),
  logistic = terms(svyglm(b ~ x + z, d, family = quasibinomial, control = tight))
)
plain <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = people)
staged <- svydesign(id = ~cluster + person, strata = ~stratum, weights = ~weight, fpc = ~villages + households, data = people)
# R's survey 4.1 cannot fit models to calibrated designs with missing values: there, they are filled with these numbers.
full <- people
full$x[is.na(full$x)] <- 10
full$y[is.na(full$y)] <- 28
full$item2[is.na(full$item2)] <- 3
complete <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = full)
z_counts <- data.frame(z = c("low", "middle", "high"), Freq = c(1900, 1100, 800))
stratum_counts <- data.frame(stratum = c("east", "north", "south", "west"), Freq = c(1100, 1500, 800, 400))
margins <- c("(Intercept)" = 3800, zmiddle = 1100, zhigh = 800, stratumnorth = 1500, stratumsouth = 800, stratumwest = 400)
post <- postStratify(complete, ~z, z_counts)
raked <- calibrate(complete, ~z + stratum, margins, calfun = "raking", epsilon = 1e-13)
greg <- calibrate(complete, ~z + hours, c("(Intercept)" = 3800, zmiddle = 1100, zhigh = 800, hours = 130000), calfun = "linear")
logit <- calibrate(complete, ~z + hours, c("(Intercept)" = 3800, zmiddle = 1100, zhigh = 800, hours = 130000), calfun = "logit", bounds = c(.4, 2.5), epsilon = 1e-13)
lonely <- function(how) {
  options(survey.lonely.psu = how)
  d <- svydesign(id = ~cluster, strata = ~lonely, weights = ~weight, data = people)
  list(mean_y = numbers(svymean(~y, d, na.rm = TRUE)), linear = terms(svyglm(y ~ x + z, d)), df = degf(d))
}
result <- list(
  R = R.version.string, survey = as.character(packageVersion("survey")),
  plain = everything(plain), staged = everything(staged), post = everything(post), raked = everything(raked),
  greg = everything(greg), logit = everything(logit),
  jackknife = replicated(as.svrepdesign(plain, type = "JKn")),
  lonely = list(certainty = lonely("certainty"), adjust = lonely("adjust"), average = lonely("average")),
  weights = list(post = weights(post), raked = weights(raked), greg = weights(greg), logit = weights(logit),
                 trimmed = weights(trimWeights(plain, lower = 5, upper = 25)))
)
write_json(result, "modelling.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
