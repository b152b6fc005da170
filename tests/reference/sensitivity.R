# Makes sensitivity.csv (a simulated clustered sample) and sensitivity.json: slopes along a moderator, robustness to
# unmeasured confounding, and indirect effects under correlated errors.
#   Rscript sensitivity.R        in this folder; R 4.2.2, survey 4.1-1, jsonlite 1.8.4
# Each value is had another way than in the library where there is one: partial R squared from sums of squares of two
# fits, robustness values by searching for them, Theorem 4 of Imai, Keele and Yamamoto (2010) as printed, probit
# outcomes from a fit at each rho (with the mediator's error as an offset), errors of indirect effects by the jackknife.
suppressMessages({library(survey); library(jsonlite)})
options(digits = 17, survey.lonely.psu = "fail")
set.seed(20240701)

drawn <- c(north = 10, east = 8, south = 7, west = 6)
people <- do.call(rbind, lapply(names(drawn), function(stratum) do.call(rbind, lapply(seq_len(drawn[[stratum]]), function(at) {
  n <- sample(6:11, 1)
  data.frame(stratum = stratum, cluster = paste0(substr(stratum, 1, 1), at), effect = rnorm(1, 0, .4))[rep(1, n), ]
}))))
n <- nrow(people)
people$weight <- round(20 / drawn[people$stratum] * exp(rnorm(n, 0, .4)), 4)
people$vacancies <- round(pmax(0, rnorm(n, 3 + people$effect, 1.5)), 2)
people$pay <- round(pmin(5, pmax(1, rnorm(n, 3, 1))), 1)
people$level <- sample(c("county", "town", "village"), n, TRUE, c(.2, .5, .3))
people$load <- round(1 + .4 * people$vacancies + .2 * people$pay + people$effect + rnorm(n), 3)
people$leave <- round(.2 * people$vacancies + people$load * (1.3 - .35 * people$pay) + .3 * (people$level == "town") + people$effect + rnorm(n), 3)
people$quit <- as.integer(people$leave - 1.2 + .3 * people$vacancies + rnorm(n) > 0)
people$trips <- rpois(n, exp(.3 + .15 * people$load))
people <- people[sample(n), c("stratum", "cluster", "weight", "vacancies", "pay", "level", "load", "leave", "quit", "trips")]
write.csv(people, "sensitivity.csv", row.names = FALSE)
people <- read.csv("sensitivity.csv")
people$level <- factor(people$level)
design <- svydesign(~cluster, strata = ~stratum, weights = ~weight, data = people)
tight <- glm.control(epsilon = 1e-15, maxit = 100)
glm_of <- function(formula, family = gaussian(), d = design) suppressWarnings(svyglm(formula, d, family = family, control = tight))

# ---- slopes along a moderator -------------------------------------------------------------------------------------
slopes <- function(fit, main, product, at) {
  b <- coef(fit)[c(main, product)]; V <- vcov(fit)[c(main, product), c(main, product)]
  data.frame(at = at, estimate = b[1] + b[2] * at, std_error = sqrt(V[1, 1] + 2 * at * V[1, 2] + at^2 * V[2, 2]))
}
ends <- function(fit, main, product, critical) {
  b <- coef(fit)[c(main, product)]; V <- vcov(fit)[c(main, product), c(main, product)]
  square <- b[2]^2 - critical^2 * V[2, 2]; cross <- b[1] * b[2] - critical^2 * V[1, 2]; last <- b[1]^2 - critical^2 * V[1, 1]
  sort(unname((-cross + c(-1, 1) * sqrt(cross^2 - square * last)) / square))
}
fdr <- function(fit, main, product, range) {
  along <- slopes(fit, main, product, seq(range[1], range[2], length.out = 1000))
  p <- sort(2 * pt(-abs(along$estimate / along$std_error), fit$df.residual))
  qt(1 - max(which(p <= seq_along(p) / 1000 * .05)) / 1000 * .05 / 2, fit$df.residual)
}
moderated <- function(formula, family) {
  fit <- glm_of(formula, family); df <- fit$df.residual
  critical <- c(pointwise = qt(.975, df), simultaneous = sqrt(2 * qf(.95, 2, df)), fdr = fdr(fit, "load", "load:pay", range(people$pay)))
  list(df = df, slopes = slopes(fit, "load", "load:pay", c(1, 2.5, 5)), critical = as.list(critical),
       ends = lapply(as.list(critical), function(one) ends(fit, "load", "load:pay", one)))
}
by_level <- glm_of(leave ~ load * level + pay + vacancies)
each <- function(other) {
  at <- c("load", if (length(other)) paste0("load:level", other)); one <- rep(1, length(at))
  c(estimate = sum(coef(by_level)[at]), std_error = sqrt(sum(vcov(by_level)[at, at])))
}
logit <- glm_of(quit ~ load * pay + vacancies, quasibinomial())
share_at <- function(value) {
  p <- predict(logit, transform(people, pay = value), type = "response")
  b <- coef(logit)
  weighted.mean(p * (1 - p), people$weight) * (b[["load"]] + value * b[["load:pay"]])
}
moderation <- list(
  linear = moderated(leave ~ load * pay + vacancies + level, gaussian()),
  logistic = moderated(quit ~ load * pay + vacancies, quasibinomial()),
  categories = rbind(each(character()), each("town"), each("village")),
  share_per_unit = sapply(c(2, 4), share_at)
)

# ---- robustness -----------------------------------------------------------------------------------------------------
outcome <- leave ~ vacancies + pay + level + load
model <- glm_of(outcome)
squares <- function(formula) { fit <- lm(formula, people, weights = weight); sum(people$weight * resid(fit)^2) }
explained <- function(with, without) 1 - squares(with) / squares(without)
r2_outcome <- explained(outcome, leave ~ pay + level + load)
ratio <- sqrt(squares(outcome) / squares(vacancies ~ pay + level + load))
robust <- function(q, alpha) {
  estimate <- abs(coef(model)[["vacancies"]]); df <- model$df.residual
  reach <- (if (alpha < 1) qt(1 - alpha / 2, df - 1) else 0) * SE(model)[["vacancies"]]
  worst <- function(size) optimize(function(y) ratio * sqrt(y * size / (1 - size)) + reach * sqrt((1 - y) / (1 - size)),
                                   c(0, size), maximum = TRUE, tol = 1e-12)$objective
  worst_or_end <- function(size) max(worst(size), ratio * size / sqrt(1 - size) + reach)
  if (q * estimate <= reach) return(0)
  uniroot(function(size) q * estimate - worst_or_end(size), c(1e-12, 1 - 1e-9), tol = 1e-14)$root
}
bound <- function(term, outcome_without, treatment_without, times) {
  d <- explained(vacancies ~ pay + level + load, treatment_without); y <- explained(outcome, outcome_without)
  treatment <- times * d / (1 - d); shared <- times * d^2 / ((1 - times * d) * (1 - d))
  out <- ((sqrt(times) + sqrt(shared)) / sqrt(1 - shared))^2 * y / (1 - y)
  estimate <- coef(model)[["vacancies"]]
  list(benchmark = term, times = times, treatment_r2 = treatment, outcome_r2 = out,
       estimate = sign(estimate) * (abs(estimate) - ratio * sqrt(out * treatment / (1 - treatment))),
       std_error = SE(model)[["vacancies"]] * sqrt((1 - out) / (1 - treatment)))
}
robustness <- list(
  estimate = coef(model)[["vacancies"]], std_error = SE(model)[["vacancies"]], df = model$df.residual, partial_r2 = r2_outcome,
  group_r2 = explained(outcome, leave ~ vacancies + pay + load),
  value = robust(1, 1), interval = robust(1, .05), half = robust(.5, 1),
  bounds = list(bound("pay", leave ~ vacancies + level + load, vacancies ~ level + load, 1),
                bound("level", leave ~ vacancies + pay + load, vacancies ~ pay + load, 2))
)

# ---- E-values ---------------------------------------------------------------------------------------------------------
strength <- function(ratio) { away <- ifelse(ratio < 1, 1 / ratio, ratio); away + sqrt(away * (away - 1)) }
hazard <- function(ratio) (1 - .5^sqrt(ratio)) / (1 - .5^sqrt(1 / ratio))
linear <- lm(outcome, people, weights = weight / mean(weight))
risks <- function(fit, values) sapply(values, function(value) weighted.mean(predict(fit, transform(people, load = value), type = "response"), people$weight))
trips <- glm_of(trips ~ load + pay, quasipoisson())
replicates <- as.svrepdesign(design, type = "JKn")
jack_risk <- withReplicates(replicates, function(w, data) {
  data$w <- w
  fit <- suppressWarnings(glm(quit ~ load * pay + vacancies, quasibinomial(), data[w > 0, ], weights = w, control = tight))
  log(weighted.mean(predict(fit, transform(data, load = 4), type = "response"), w) / weighted.mean(predict(fit, transform(data, load = 2), type = "response"), w))
})
e_values <- list(
  rr = strength(.8), or_common = strength(sqrt(2.5)), or_rare = strength(2.5), hr_common = strength(hazard(.6)), hr_rare = strength(.6),
  linear = strength(exp(.91 * coef(model)[["vacancies"]] / summary(linear)$sigma)),
  linear_ratio = exp(.91 * coef(model)[["vacancies"]] / summary(linear)$sigma),
  poisson = strength(exp(coef(trips)[["load"]])),
  risk_ratio = exp(as.vector(jack_risk)), risk_ratio_log_error_jackknife = as.vector(SE(jack_risk))
)

# ---- indirect effects under correlated errors ----------------------------------------------------------------------------
rho <- c(-.6, -.2, 0, .3, .8)
theorem <- function(w, data) {
  data$w <- w; data <- data[w > 0, ]
  first <- lm(load ~ vacancies + pay + level, data, weights = w); total <- lm(leave ~ vacancies + pay + level, data, weights = w)
  size <- function(fit) sqrt(weighted.mean(resid(fit)^2, data$w))
  tilde <- weighted.mean(resid(first) * resid(total), data$w) / size(first) / size(total)
  c(coef(first)[["vacancies"]] * size(total) / size(first) * (tilde - rho * sqrt((1 - tilde^2) / (1 - rho^2))), tilde)
}
crossed <- function(w, data, wanted = rho) {
  data$w <- w; data <- data[w > 0, ]
  first <- lm(load ~ vacancies + pay + level, data, weights = w)
  sigma <- sqrt(weighted.mean(resid(first)^2, data$w) * nrow(people) / (nrow(people) - length(coef(first))))
  mean_at <- function(t) predict(first, transform(data, vacancies = t))
  sapply(wanted, function(r) {
    s <- sqrt(1 - r^2)
    X <- model.matrix(~ vacancies * load + pay + level, data)
    second <- suppressWarnings(glm.fit(X / s, data$quit, data$w, offset = r * resid(first) / sigma / s, family = quasibinomial("probit"), control = tight))
    b <- coef(second); gamma <- function(t) b[["load"]] + t * b[["vacancies:load"]]
    chance <- function(t, m) {
      X <- model.matrix(~ vacancies * load + pay + level, transform(data, vacancies = t, load = m))
      pnorm(drop(X %*% b) / sqrt(gamma(t)^2 * sigma^2 + 2 * gamma(t) * r * sigma + 1))
    }
    indirect <- function(t) weighted.mean(chance(t, mean_at(4)) - chance(t, mean_at(3)), data$w)
    c(indirect(3), indirect(4))
  })
}
jack <- withReplicates(replicates, theorem)
jack_probit <- withReplicates(replicates, function(w, data) as.vector(crossed(w, data)))
first <- lm(load ~ vacancies + pay + level, people, weights = weight); second <- lm(leave ~ vacancies + pay + level + load, people, weights = weight)
mediation <- list(
  rho = rho, linear = as.vector(jack)[1:5], zero = as.vector(jack)[6], linear_error_jackknife = as.vector(SE(jack))[1:5],
  unexplained = (1 - summary(first)$r.squared) * (1 - summary(second)$r.squared),
  probit = t(crossed(people$weight, people)), probit_error_jackknife = t(matrix(as.vector(SE(jack_probit)), 2))
)
write(toJSON(list(moderation = moderation, robustness = robustness, e_values = e_values, mediation = mediation),
             digits = NA, auto_unbox = TRUE, pretty = TRUE), "sensitivity.json")
