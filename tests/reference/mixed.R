# Makes mixed.csv (simulated interviews in organisations of unequal size) and mixed.json (linear mixed models of them,
# and what is said of their organisations).
#   Rscript mixed.R        in this folder; R 4.2.2, lme4 1.1-31, lmerTest 3.1-3, ordinal 2022.11-16, jsonlite 1.8.4
# The search is run until it cannot move (lme4 stops earlier by default); degrees of freedom are lmerTest's. Explained
# variance (Nakagawa, Johnson) is computed from the parts, as no package of Debian gives it.
suppressMessages({library(lme4); library(lmerTest); library(jsonlite)})
options(digits = 17)
set.seed(20240607)

G <- 36
sizes <- c(1, 1, 2, 2, sample(4:22, G - 4, TRUE))
org <- rep(sprintf("o%02d", seq_len(G)), sizes)
n <- length(org)
size <- round(rnorm(G, 3, 1), 2)
root <- t(chol(matrix(c(.6, .12, .12, .1), 2)))
u <- t(root %*% matrix(rnorm(2 * G), 2))
g <- as.integer(factor(org))
people <- data.frame(org = org, x = round(rnorm(n, 5, 2), 3), z = rbinom(n, 1, .4), w = size[g],
                     k = sample(c("a", "b", "c"), n, TRUE, c(.5, .3, .2)))
people$y <- round(2 + u[, 1][g] + (.5 + u[, 2][g]) * (people$x - 5) - .4 * people$z + .3 * people$w +
                  .5 * (people$k == "c") + rnorm(n), 4)
people$flat <- round(1 + .3 * people$x + rnorm(n), 4)
people$flat <- round(people$flat - ave(people$flat, org) + 1, 4)      # no differences between groups: variance 0
people$tied <- round(1 + .3 * people$x + u[, 1][g] * (1 + .2 * people$x) + rnorm(n), 4)  # correlation of 1
people$b <- rbinom(n, 1, plogis(-3 + .4 * people$x + .6 * people$z + 1.1 * u[, 1][g]))
people$o <- findInterval(.3 * people$x - .5 * people$z + 1.1 * u[, 1][g] + rlogis(n), c(0, 1.5, 3)) + 1
people$x[c(7, 90)] <- NA
people$org[200] <- NA
people <- people[sample(n), ]
write.csv(people, "mixed.csv", row.names = FALSE, na = "")
people <- read.csv("mixed.csv", na.strings = "")

tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE, check.conv.singular = "ignore",
                     optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-13, xtol_rel = 1e-13, ftol_abs = 1e-14,
                                    ftol_rel = 1e-15, maxeval = 1e5))
result <- function(formula, reml) {
  fit <- lmerTest::lmer(formula, people, REML = reml, control = tight)
  if (length(getME(fit, "theta")) > 1)                    # again from where it came to rest
    fit <- lmerTest::lmer(formula, people, REML = reml, control = tight, start = getME(fit, "theta"))
  table <- as.data.frame(VarCorr(fit), order = "lower.tri")
  Z <- model.matrix(terms(formula(paste("~", sub("\\|.*", "", as.character(findbars(formula)[[1]])[2]))), data = people),
                    model.frame(fit))
  Sigma <- VarCorr(fit)[[1]]
  fixed <- var(as.vector(model.matrix(fit) %*% fixef(fit)))
  between <- mean(rowSums((Z %*% Sigma) * Z))
  total <- fixed + between + sigma(fit)^2
  list(formula = deparse(formula, width.cutoff = 200), reml = reml, terms = names(fixef(fit)),
       estimate = unname(fixef(fit)), std_error = unname(sqrt(diag(as.matrix(vcov(fit))))),
       df = unname(coef(summary(fit))[, "df"]), covariance = unname(as.matrix(Sigma)), sigma = sigma(fit),
       log_likelihood = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit), n = nobs(fit),
       marginal = fixed / total, conditional = (fixed + between) / total, icc = between / (between + sigma(fit)^2),
       random = unname(as.matrix(ranef(fit)[[1]])[order(rownames(ranef(fit)[[1]])), , drop = FALSE]))
}
models <- list(intercept = y ~ x + z + w + k + (1 | org), slope = y ~ x + z + w + k + (x | org),
               slopes = y ~ x + z + w + (x + z | org), flat = flat ~ x + z + (1 | org), tied = tied ~ x + z + (x | org),
               alone = y ~ 1 + (1 | org))
cases <- list()
for (name in names(models)) for (reml in c(TRUE, FALSE))
  cases[[paste0(name, if (reml) "_reml" else "_ml")]] <- result(models[[name]], reml)

# what the profile of the likelihood leaves to the share of the groups, from the deviance itself
fit <- lme4::lmer(y ~ x + z + w + k + (1 | org), people, control = tight)
deviance <- update(fit, devFunOnly = TRUE)
at <- getME(fit, "theta")
rise <- function(s) deviance(s) - deviance(at) - qchisq(.95, 1)
ends <- c(uniroot(rise, c(1e-3, at), tol = 1e-12)$root, uniroot(rise, c(at, 5), tol = 1e-12)$root)
cases$profile <- list(icc = ends^2 / (1 + ends^2))

# one-way analysis of variance with the mean size of groups; agreement in groups and correlations taken apart
known <- people[!is.na(people$org), ]
squares <- anova(lm(y ~ org, known))$"Mean Sq"
k <- nrow(known) / length(unique(known$org))
effective <- (nrow(known) - sum(table(known$org)^2) / nrow(known)) / (length(unique(known$org)) - 1)
icc1 <- function(ratio, size) (ratio - 1) / (ratio + size - 1)
ratio <- squares[1] / squares[2]
above <- length(unique(known$org)) - 1
below <- nrow(known) - above - 1
ends <- c(ratio / qf(.975, above, below), ratio * qf(.975, below, above))
cases$intraclass <- list(f = ratio, icc1 = icc1(ratio, k), icc1_effective = icc1(ratio, effective),
                         icc2 = 1 - 1 / ratio, ends1 = icc1(ends, k), ends2 = 1 - 1 / ends)
known$o2 <- pmin(known$o + known$z, 5)
several <- subset(known, ave(rep(1, nrow(known)), known$org, FUN = sum) > 1)
one <- 1 - tapply(several$o, several$org, var) / 2
share <- (tapply(several$o, several$org, var) + tapply(several$o2, several$org, var)) / 2 / 1.34
two <- 2 * (1 - share) / (2 * (1 - share) + share)
spread <- function(x) { x <- pmax(x, 0); c(unname(quantile(x, c(.25, .5, .75))), mean(x > .7), mean(x == 0)) }
two[share >= 1] <- 0
cases$agreement <- list(one = spread(one), two = spread(two))
pair <- subset(known, !is.na(x))
bx <- ave(pair$x, pair$org); by <- ave(pair$y, pair$org)
cases$correlation <- list(total = cor(pair$x, pair$y), between = cor(bx, by), within = cor(pair$x - bx, pair$y - by),
                          eta = c(sd(bx) / sd(pair$x), sd(by) / sd(pair$y)))

# outcomes in categories, by adaptive quadrature with 11 nodes
yes <- glmer(b ~ x + z + (1 | org), people, family = binomial, nAGQ = 11,
             control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10), tolPwrss = 1e-13))
cases$logistic <- list(estimate = unname(fixef(yes)), std_error = unname(sqrt(diag(as.matrix(vcov(yes))))),
                       sd = getME(yes, "theta")[[1]], log_likelihood = as.numeric(logLik(yes)), aic = AIC(yes))
level <- ordinal::clmm(factor(o) ~ x + z + (1 | org), data = people, nAGQ = 11,
                       control = ordinal::clmm.control(gradTol = 1e-9, method = "nlminb", innerCtrl = "noWarn"))
cases$ordinal <- list(estimate = unname(coef(level)), std_error = unname(sqrt(diag(vcov(level))))[seq_along(coef(level))],
                      sd = unname(level$ST[[1]][1]), log_likelihood = as.numeric(logLik(level)), aic = AIC(level))

# likelihood-ratio tests: of terms by full likelihood, of a slope by either
tested <- function(small, large, reml) {
  fits <- lapply(c(small, large), function(formula) lme4::lmer(formula, people, REML = reml, control = tight))
  found <- anova(fits[[1]], fits[[2]], refit = FALSE)
  list(statistic = found$Chisq[2], df = found$Df[2], p_value = found$"Pr(>Chisq)"[2])
}
cases$ratio <- list(terms = tested(y ~ x + z + (1 | org), y ~ x + z + w + k + (1 | org), FALSE),
                    slope_reml = tested(y ~ x + z + (1 | org), y ~ x + z + (x | org), TRUE),
                    slope_ml = tested(y ~ x + z + (1 | org), y ~ x + z + (x | org), FALSE))
write_json(cases, "mixed.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
