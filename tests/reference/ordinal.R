# Makes ordinal.csv (a simulated clustered sample) and ordinal.json (cumulative link models of it).
#   Rscript ordinal.R        in this folder; R 4.2.2, ordinal 2022.11-16, survey 4.1-1, jsonlite 1.8.4
# Estimates are clm's with sampling weights, run to the end and polished by Newton steps; the covariance is the sandwich
# of the survey package (svyrecvar) from scores and information written out below. clm gives slopes of nominal effects
# the other sign; the signs here are those of P(Y <= k) = F(theta_k - x'beta_k).
suppressMessages({library(survey); library(ordinal); library(jsonlite)})
options(digits = 17, survey.lonely.psu = "adjust")
set.seed(20240601)

drawn <- c(north = 9, east = 7, south = 5, west = 4)
counties <- c(north = 60, east = 40, south = 20, west = 12)
people <- do.call(rbind, lapply(names(drawn), function(stratum) {
  do.call(rbind, lapply(seq_len(drawn[[stratum]]), function(cluster) {
    n <- sample(8:16, 1)
    data.frame(stratum = stratum, cluster = paste0(substr(stratum, 1, 1), cluster), clusters = counties[[stratum]],
               effect = rnorm(1, 0, .5), base = counties[[stratum]] / drawn[[stratum]], n = n)[rep(1, n), ]
  }))
}))
n <- nrow(people)
people$weight <- round(people$base * exp(rnorm(n, 0, .4)), 4)
people$x <- round(rnorm(n, 5 + people$effect, 2), 3)
people$z <- rbinom(n, 1, .4)
people$g <- sample(c("a", "b", "c"), n, TRUE, c(.5, .3, .2))
people$o <- round(rnorm(n, 0, .5), 3)
eta <- .4 * people$x - .6 * people$z + .3 * (people$g == "c") + people$effect + people$o
level <- findInterval(eta + rlogis(n), c(.5, 2, 3.2)) + 1
people$y <- c("low", "middle", "high", "top")[level]
people$adult <- rbinom(n, 1, .7)
people <- people[sample(n), c("stratum", "cluster", "clusters", "weight", "x", "z", "g", "o", "y", "adult")]
write.csv(people, "ordinal.csv", row.names = FALSE)
people <- read.csv("ordinal.csv")
people$y <- factor(people$y, c("low", "middle", "high", "top"), ordered = TRUE)
levels <- levels(people$y)
cuts <- paste(levels[-4], levels[-1], sep = "|")

links <- list(
  logit = list(F = plogis, f = dlogis, s = function(x) dlogis(x) * (1 - 2 * plogis(x))),
  probit = list(F = pnorm, f = dnorm, s = function(x) -x * dnorm(x)),
  cloglog = list(F = function(x) 1 - exp(-exp(x)), f = function(x) exp(x - exp(x)),
                 s = function(x) exp(x - exp(x)) * (1 - exp(x))),
  loglog = list(F = function(x) exp(-exp(-x)), f = function(x) exp(-x - exp(-x)),
                s = function(x) exp(-x - exp(-x)) * (exp(-x) - 1)),
  cauchit = list(F = pcauchy, f = dcauchy, s = function(x) -2 * x / (pi * (1 + x^2)^2))
)

# rows of the parameters that make the cut above and the cut below the level of each row (NULL: no such cut)
rows_of <- function(cut, X, varying) {
  m <- nrow(X)
  at <- outer(cut, 1:3, "==") * 1
  blocks <- lapply(seq_along(varying), function(j) if (varying[j]) -X[, j] * at else -X[, j, drop = FALSE])
  do.call(cbind, c(list(at), blocks))
}
pieces <- function(p, y, X, varying, offset, link) {
  top <- y < 4; bottom <- y > 1
  A <- rows_of(y, X, varying); B <- rows_of(y - 1, X, varying)
  a <- drop(A %*% p) - offset; b <- drop(B %*% p) - offset
  P <- ifelse(top, link$F(a), 1) - ifelse(bottom, link$F(b), 0)
  fa <- ifelse(top, link$f(a), 0); fb <- ifelse(bottom, link$f(b), 0)
  sa <- ifelse(top, link$s(a), 0); sb <- ifelse(bottom, link$s(b), 0)
  list(A = A, B = B, P = P, fa = fa, fb = fb, sa = sa, sb = sb, scores = (fa * A - fb * B) / P)
}
information <- function(q, w) {
  crossprod(q$scores, w * q$scores) - crossprod(q$A, w * q$sa / q$P * q$A) + crossprod(q$B, w * q$sb / q$P * q$B)
}
fit <- function(data, w, formula, link = "logit", nominal = ~1, varying, offset = rep(0, nrow(data)), X, start = NULL) {
  if (is.null(start)) {
    data$w <- w; data$off <- offset
    m <- clm(update(formula, . ~ . + offset(off)), nominal = nominal, weights = w, link = link, data = data,
             control = clm.control(gradTol = 1e-9, maxIter = 300))
    start <- order_of(m, varying, colnames(X))
  }
  p <- start
  y <- as.integer(data$y)
  for (step in 1:4) {
    q <- pieces(p, y, X, varying, offset, links[[link]])
    p <- p + solve(information(q, w), colSums(w * q$scores))
  }
  q <- pieces(p, y, X, varying, offset, links[[link]])
  list(estimate = p, scores = q$scores, information = information(q, w), loglik = sum(w * log(q$P)), moved = max(abs(p - start)))
}
# clm's coefficients in our order: thresholds, then column by column
order_of <- function(m, varying, columns) {
  if (is.null(m$alpha.mat) || nrow(m$alpha.mat) == 1) return(c(m$alpha, m$beta))
  slopes <- lapply(seq_along(columns), function(j) if (varying[j]) -m$alpha.mat[columns[j], ] else m$beta[columns[j]])
  unlist(c(list(m$alpha.mat[1, ]), slopes))
}
report <- function(found, design, w, keep = rep(TRUE, nrow(people))) {
  influence <- matrix(0, nrow(people), length(found$estimate))
  influence[keep, ] <- (w * found$scores) %*% solve(found$information)
  V <- svyrecvar(influence, design$cluster, design$strata, design$fpc, postStrata = design$postStrata)
  list(estimate = unname(found$estimate), std_error = sqrt(diag(V)), covariance = unname(V),
       unscaled = unname(solve(found$information)), loglik = found$loglik, polished = found$moved)
}

design <- svydesign(~cluster, strata = ~stratum, weights = ~weight, fpc = ~clusters, data = people)
X <- model.matrix(~ x + z + g, people)[, -1]
w <- people$weight
none <- rep(FALSE, 4)
out <- list(R = R.version.string, ordinal = as.character(packageVersion("ordinal")), survey = as.character(packageVersion("survey")))
out$links <- lapply(setNames(nm = names(links)), function(link)
  report(fit(people, w, y ~ x + z + g, link, varying = none, X = X), design, w))
first <- c(TRUE, FALSE, FALSE, FALSE)
out$partial <- report(fit(people, w, y ~ z + g, nominal = ~x, varying = first, X = X), design, w)
out$partial_probit <- report(fit(people, w, y ~ z + g, "probit", nominal = ~x, varying = first, X = X), design, w)
out$offset <- report(fit(people, w, y ~ x + z + g, varying = none, X = X, offset = people$o), design, w)
adult <- people$adult == 1
out$domain <- report(fit(people[adult, ], w[adult], y ~ x + z + g, varying = none, X = X[adult, ]), design, w[adult], adult)

jackknife <- as.svrepdesign(svydesign(~cluster, strata = ~stratum, weights = ~weight, data = people), type = "JKn")
full <- out$links$logit$estimate
refits <- withReplicates(jackknife, function(weight, data)
  fit(data[weight > 0, ], weight[weight > 0], NULL, varying = none, X = X[weight > 0, ], start = full)$estimate)
out$jackknife <- list(estimate = unname(coef(refits)), std_error = unname(sqrt(diag(vcov(refits)))), df = degf(jackknife))

# Brant's test: a logit for each cut, joint sandwich, adjusted Wald
brant <- function() {
  tight <- glm.control(epsilon = 1e-15, maxit = 100)
  each <- lapply(1:3, function(cut) {
    above <- (as.integer(people$y) > cut) * 1
    m <- suppressWarnings(glm(above ~ x + z + g, quasibinomial(), people, weights = weight, control = tight))
    list(m = m, inf = influence_of(m, above))
  })
  slopes <- as.vector(t(sapply(each, function(e) coef(e$m)[-1])))          # column by column, cut by cut
  influence <- do.call(cbind, lapply(1:4, function(j) sapply(each, function(e) e$inf[, j + 1])))
  V <- svyrecvar(influence, design$cluster, design$strata, design$fpc, postStrata = design$postStrata)
  d <- degf(design)
  wald <- function(columns) {
    D <- do.call(rbind, lapply(columns, function(j) {
      block <- matrix(0, 2, 12); block[, (j - 1) * 3 + 1:3] <- cbind(-1, diag(2)); block
    }))
    W <- drop(t(D %*% slopes) %*% solve(D %*% V %*% t(D)) %*% (D %*% slopes)); q <- nrow(D)
    F <- W * (d - q + 1) / (d * q)
    list(statistic = F, df = q, df_below = d - q + 1, p_value = pf(F, q, d - q + 1, lower.tail = FALSE))
  }
  list(slopes = slopes, std_error = sqrt(diag(V)), x = wald(1), z = wald(2), g = wald(3:4), all = wald(1:4))
}
influence_of <- function(m, above) {
  M <- model.matrix(m); w <- m$prior.weights
  r <- (above - m$fitted.values)
  (w * r * M) %*% solve(crossprod(M, w * m$fitted.values * (1 - m$fitted.values) * M))
}
out$brant <- brant()
olr <- svyolr(y ~ x + z + g, design, control = list(reltol = 1e-14, maxit = 500))
out$svyolr <- list(estimate = unname(c(olr$zeta, olr$coefficients)), std_error = unname(sqrt(diag(olr$var))[c(5:7, 1:4)]))
write_json(out, "ordinal.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
