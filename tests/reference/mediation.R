# Makes mediation.csv (a simulated stratified sample of clusters) and mediation.json (effects through mediators, worked
# out by hand from the fits of R's survey and ordinal; errors by linearisation and by jackknife replicates).
#   Rscript mediation.R        in this folder; R 4.2.2, survey 4.1-1, ordinal 2022.11-16, jsonlite 1.8.4
# Iterations are run to the end, so that the values are those of the estimator, not of its stopping rule.
suppressMessages({library(survey); library(ordinal); library(jsonlite)})
options(digits = 17)
set.seed(20240611)

strata <- 4; clusters <- 7
people <- do.call(rbind, lapply(seq_len(strata), function(h) do.call(rbind, lapply(seq_len(clusters), function(g) {
  k <- sample(6:11, 1)
  data.frame(stratum = h, cluster = 100 * h + g, um = rnorm(1, 0, .4), uy = rnorm(1, 0, .4), c = rnorm(k), w = round(rnorm(k, 3), 2))
}))))
n <- nrow(people)
people$weight <- round(exp(rnorm(n, 1, .4)), 3)
people$x <- rbinom(n, 1, plogis(.5 * people$c))
people$m <- with(people, round(.8 * x + .3 * c + .2 * w + um + rnorm(n), 3))
people$k <- with(people, round(-.5 * x + .3 * c + .3 * m + rnorm(n), 3))
people$f <- rbinom(n, 1, with(people, plogis(-.4 + .9 * x + .3 * c + um)))
eta <- with(people, .7 * m - .1 * m * w + .4 * k + .6 * f + .3 * x + .2 * c + uy)
people$y <- round(eta + rnorm(n), 3)
people$b <- as.integer(eta + rlogis(n) > .6)
people$o <- findInterval(eta + rlogis(n), c(-.8, .4, 1.8)) + 1
people <- people[c("stratum", "cluster", "weight", "x", "c", "w", "m", "k", "f", "y", "b", "o")]
write.csv(people, "mediation.csv", row.names = FALSE)
people <- read.csv("mediation.csv")
design <- svydesign(ids = ~cluster, strata = ~stratum, weights = ~weight, data = people)
jackknife <- as.svrepdesign(design, type = "JKn")

families <- list(linear = gaussian(), logistic = quasibinomial(), probit = quasibinomial("probit"))
tight <- glm.control(epsilon = 1e-15, maxit = 200)
expectation <- list(  # of the outcome, whose linear predictor is normal
  linear = function(mean, variance) mean,
  probit = function(mean, variance) pnorm(mean / sqrt(1 + variance)),
  logistic = function(mean, variance) {
    if (all(variance == 0)) return(plogis(mean))
    mapply(function(one, own) integrate(function(z) plogis(one + sqrt(own) * z) * dnorm(z), -12, 12, rel.tol = 1e-12)$value,
           mean, variance)
  })
set_to <- function(values) { data <- people; data[names(values)] <- as.list(values); data }
matrix_of <- function(formula, data) model.matrix(delete.response(terms(formula)), data)

# what each row adds to the estimate of a regression (its influence, without the weight), and its coefficients
fitted_by <- function(formula, kind) {
  fit <- svyglm(formula, design, family = families[[kind]], control = tight)
  X <- matrix_of(formula, people)
  mu <- families[[kind]]$linkinv(as.vector(X %*% coef(fit)))
  slope <- families[[kind]]$mu.eta(as.vector(X %*% coef(fit))); v <- families[[kind]]$variance(mu)
  bread <- solve(crossprod(X, X * (people$weight * slope^2 / v)))
  residual <- model.response(model.frame(formula, people)) - mu
  list(coef = coef(fit), influence = (X * (residual * slope / v)) %*% bread, residual = residual)
}
# errors of averages over the sample of a function of parameters (rows x effects), and of contrasts of them
errors <- function(rows, theta, influence, contrasts) {
  share <- people$weight / sum(people$weight)
  average <- function(at) colSums(share * rows(at))
  gradient <- sapply(seq_along(theta), function(j) {
    step <- function(h) { up <- theta; up[j] <- up[j] + h; down <- theta; down[j] <- down[j] - h; (average(up) - average(down)) / (2 * h) }
    (4 * step(5e-4) - step(1e-3)) / 3
  })
  here <- average(theta)
  own <- sweep(rows(theta), 2, here) / sum(people$weight) + influence %*% t(gradient)
  found <- contrasts(here)
  slopes <- sapply(seq_along(here), function(j) {
    step <- function(h) { up <- here; up[j] <- up[j] + h; down <- here; down[j] <- down[j] - h; (contrasts(up) - contrasts(down)) / (2 * h) }
    (4 * step(5e-4) - step(1e-3)) / 3
  })
  v <- vcov(svytotal(own %*% t(slopes), design))
  list(term = names(found), estimate = unname(found), std_error = unname(sqrt(diag(v))))
}
four <- function(t) {  # outcomes: (0, 0), (0, 1), (1, 0), (1, 1), treatment first, mediator second
  found <- c(indirect_control = t[2] - t[1], indirect_treated = t[4] - t[3], direct_control = t[3] - t[1],
             direct_treated = t[4] - t[2], total = t[4] - t[1])
  c(found, indirect = (found[[1]] + found[[2]]) / 2, direct = (found[[3]] + found[[4]]) / 2,
    proportion_mediated = (found[[1]] + found[[2]]) / 2 / found[[5]])
}

# one linear mediator; residual variance estimated, with n / (n - p)
through_number <- function(outcome, mediator, kind, at = list()) {
  fm <- fitted_by(mediator, "linear"); fy <- fitted_by(outcome, kind)
  share <- people$weight / sum(people$weight); scale <- n / (n - length(fm$coef))
  s2 <- scale * sum(share * fm$residual^2)
  theta <- c(fm$coef, fy$coef, s2); p <- length(fm$coef); q <- length(fy$coef)
  influence <- cbind(fm$influence, fy$influence, (scale * fm$residual^2 - s2) / sum(people$weight))
  rows <- function(theta) {
    a <- theta[1:p]; b <- theta[p + 1:q]; v <- theta[p + q + 1]
    sapply(list(c(0, 0), c(0, 1), c(1, 0), c(1, 1)), function(world) {
      mean <- matrix_of(mediator, set_to(c(at, x = world[2]))) %*% a
      none <- matrix_of(outcome, set_to(c(at, x = world[1], m = 0))) %*% b
      slope <- matrix_of(outcome, set_to(c(at, x = world[1], m = 1))) %*% b - none
      expectation[[kind]](as.vector(none + slope * mean), as.vector(slope^2 * v))
    })
  }
  errors(rows, theta, influence, four)
}
through_flag <- function(outcome, mediator, kind) {
  fm <- fitted_by(mediator, "logistic"); fy <- fitted_by(outcome, kind)
  p <- length(fm$coef); q <- length(fy$coef)
  rows <- function(theta) sapply(list(c(0, 0), c(0, 1), c(1, 0), c(1, 1)), function(world) {
    chance <- plogis(matrix_of(mediator, set_to(c(x = world[2]))) %*% theta[1:p])
    value <- function(f) expectation[[kind]](as.vector(matrix_of(outcome, set_to(c(x = world[1], f = f))) %*% theta[p + 1:q]), 0)
    as.vector(chance * value(1) + (1 - chance) * value(0))
  })
  errors(rows, c(fm$coef, fy$coef), cbind(fm$influence, fy$influence), four)
}
# two linear mediators with correlated residuals and a probit outcome
through_two <- function() {
  one <- m ~ x + c; two <- k ~ x + c; outcome <- b ~ x + m + k + c
  f1 <- fitted_by(one, "linear"); f2 <- fitted_by(two, "linear"); fy <- fitted_by(outcome, "probit")
  share <- people$weight / sum(people$weight); scale <- n / (n - 3)
  e <- cbind(f1$residual^2, f1$residual * f2$residual, f2$residual^2) * scale
  s <- colSums(share * e)
  rows <- function(theta) sapply(list(c(0, 0, 0), c(0, 1, 1), c(1, 0, 0), c(1, 1, 1), c(0, 1, 0), c(1, 0, 1)), function(world) {
    b <- theta[7:11]
    mean <- matrix_of(outcome, set_to(c(x = world[1], m = 0, k = 0))) %*% b +
      b[3] * matrix_of(one, set_to(c(x = world[2]))) %*% theta[1:3] + b[4] * matrix_of(two, set_to(c(x = world[3]))) %*% theta[4:6]
    v <- b[3]^2 * theta[12] + 2 * b[3] * b[4] * theta[13] + b[4]^2 * theta[14]
    pnorm(as.vector(mean) / sqrt(1 + v))
  })
  influence <- cbind(f1$influence, f2$influence, fy$influence, sweep(e, 2, s) / sum(people$weight))
  errors(rows, c(f1$coef, f2$coef, fy$coef, s), influence, function(t) c(four(t[1:4]), `indirect[m]` = (t[5] - t[1] + t[4] - t[6]) / 2))
}
# replicate weights: everything is fitted again
logistic_again <- function(weight, data) {
  data$weight <- weight / mean(weight); share <- data$weight / sum(data$weight)
  fm <- lm(m ~ x + c, data, weights = weight); fy <- suppressWarnings(glm(b ~ x * m + c, binomial, data, weights = weight, control = tight))
  v <- sum(share * residuals(fm)^2) * n / (n - 3); b <- coef(fy)
  t <- sapply(list(c(0, 0), c(0, 1), c(1, 0), c(1, 1)), function(world) {
    mean <- cbind(1, world[2], data$c) %*% coef(fm); slope <- b[["m"]] + b[["x:m"]] * world[1]
    sum(share * expectation$logistic(as.vector(b[[1]] + b[["x"]] * world[1] + b[["c"]] * data$c + slope * mean), rep(slope^2 * v, nrow(data))))
  })
  four(t)
}
ordinal_again <- function(weight, data) {
  data$weight <- weight / mean(weight); share <- data$weight / sum(data$weight)
  control <- clm.control(gradTol = 1e-13, maxIter = 200)
  fm <- glm(f ~ x + c, binomial, data, weights = weight, control = tight) |> suppressWarnings()
  fy <- clm(factor(o) ~ x + f + c, data = data, weights = weight, control = control)
  b <- coef(fy)
  t <- sapply(list(c(0, 0), c(0, 1), c(1, 0), c(1, 1)), function(world) {
    chance <- plogis(cbind(1, world[2], data$c) %*% coef(fm))
    value <- function(f) 4 - Reduce(`+`, lapply(1:3, function(cut) plogis(b[[cut]] - b[["x"]] * world[1] - b[["f"]] * f - b[["c"]] * data$c)))
    sum(share * (chance * value(1) + (1 - chance) * value(0)))
  })
  four(t)
}
replicated <- function(again) {
  found <- withReplicates(jackknife, again)
  list(term = names(coef(found)), estimate = unname(coef(found)), std_error = unname(SE(found)))
}

everything <- list(
  linear = through_number(y ~ x * m + c, m ~ x + c, "linear"),
  probit = through_number(b ~ x * m + c, m ~ x + c, "probit"),
  logistic = through_number(b ~ x * m + c, m ~ x + c, "logistic"),
  moderated_2 = through_number(b ~ x + m * w + c, m ~ x * w + c, "probit", at = list(w = 2)),
  moderated_4 = through_number(b ~ x + m * w + c, m ~ x * w + c, "probit", at = list(w = 4)),
  flag = through_flag(b ~ x * f + c, f ~ x + c, "logistic"),
  two = through_two(),
  logistic_jackknife = replicated(logistic_again),
  ordinal_jackknife = replicated(ordinal_again)
)
write(toJSON(everything, digits = NA, auto_unbox = TRUE, pretty = TRUE), "mediation.json")
