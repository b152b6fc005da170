# Makes paths.csv (a simulated clustered sample) and paths.json (path models of it).
#   Rscript paths.R        in this folder; R 4.2.2, lavaan 0.6-14, survey 4.1-1, jsonlite 1.8.4
# Errors under strata, clusters and weights: slopes of the likelihood of every row, and lavaan's information, through svyrecvar
# of the survey package. Everything else is lavaan's own output.
suppressMessages({library(lavaan); library(survey); library(jsonlite)})
options(digits = 17)
set.seed(20241129)

villages <- 40
stratum <- rep(c("north", "east", "south", "west"), c(14, 11, 9, 6))
office <- rep(c("county", "township"), 20)
size <- sample(6:16, villages, TRUE)
home <- rep(seq_len(villages), size)
n <- length(home)
shared <- matrix(rnorm(villages * 3, 0, .4), villages)
age <- round(rnorm(n, 40, 10)); male <- rbinom(n, 1, .5)
pay <- shared[home, 1] + .02 * (age - 40) + rnorm(n)
load <- shared[home, 2] - .4 * pay + .3 * male + rnorm(n)
leave <- shared[home, 3] + .5 * load - .2 * pay + rnorm(n)
item <- function(f, l, s) l * f + s * rnorm(n) * sqrt(rchisq(n, 8) / 8)
d <- data.frame(village = home, stratum = stratum[home], office = office[home],
                weight = round(exp(rnorm(n, .5, .5)), 3), age = age, male = male,
                p1 = item(pay, 1, .8), p2 = item(pay, .8, .9), p3 = item(pay, .7, 1),
                l1 = item(load, 1, .8), l2 = item(load, .9, 1), l3 = item(load, .6, 1),
                v1 = item(leave, 1, .7), v2 = item(leave, .7, 1), v3 = item(leave, .9, .9))
items <- c("p1", "p2", "p3", "l1", "l2", "l3", "v1", "v2", "v3")
d[items] <- lapply(d[items], round, 4)
d$l1 <- 10 * d$l1                                      # a unit of its own (with 1000 lavaan finds no inverse)
cut_at <- list(c(-1, 0, 1, 2), c(-.8, .4), c(0), c(-1.2, -.2, .8), c(-.5, .9), c(.3), c(-1, .2, 1.2), c(-.6, .8), c(-.9, .1, 1))
for (k in seq_along(items)) {
  x <- d[[items[k]]] / (if (items[k] == "l1") 10 else 1)
  d[[toupper(items[k])]] <- findInterval(x, cut_at[[k]]) + 1
}
for (v in items) d[[paste0("m", v)]] <- ifelse(runif(n) < plogis(-2.2 + .5 * as.numeric(scale(d$p1)) * (v != "p1")), NA, d[[v]])
write.csv(d, "paths.csv", row.names = FALSE, na = "")
d <- read.csv("paths.csv")

cfa3 <- "pay =~ p1 + p2 + p3\nload =~ l1 + l2 + l3\nleave =~ v1 + v2 + v3"
# constraints across units as unlike as those of l1 and the others lead lavaan to poor optima; so another first item
units <- sub("l1 \\+ l2 \\+ l3", "l2 + l3 + l1", cfa3)
big <- toupper(items)
CFA3 <- "pay =~ P1 + P2 + P3\nload =~ L1 + L2 + L3\nleave =~ V1 + V2 + V3"
paths <- paste(cfa3, "load ~ a*pay\nleave ~ b*load + c*pay\nindirect := a*b\nshare := a*b/(a*b + c)", sep = "\n")
miss <- "pay =~ mp1 + mp2 + mp3\nload =~ ml1 + ml2 + ml3\nleave =~ mv1 + mv2 + mv3"

out <- function(fit, measures = NULL, standard = TRUE) {
  p <- parameterEstimates(fit)
  p <- p[!p$op %in% c("==", "~*~"), ]
  keep <- intersect(c("lhs", "op", "rhs", "group", "est", "se"), names(p))
  res <- list(param = as.list(p[keep]))
  if (standard) for (type in c("std.all", "std.lv")) {
    s <- standardizedSolution(fit, type = type)
    s <- s[!s$op %in% c("==", "~*~"), ]
    res[[type]] <- as.list(s[c("lhs", "op", "rhs", "est.std", "se")])
  }
  f <- fitMeasures(fit)
  wanted <- c("npar", "chisq", "df", "pvalue", "chisq.scaled", "pvalue.scaled", "chisq.scaling.factor", "baseline.chisq",
    "baseline.chisq.scaled", "cfi", "tli", "cfi.scaled", "tli.scaled", "cfi.robust", "tli.robust", "rmsea", "rmsea.ci.lower",
    "rmsea.ci.upper", "rmsea.pvalue", "rmsea.scaled", "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "rmsea.robust",
    "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "srmr", "logl", "aic", "bic")
  res$fit <- as.list(f[intersect(wanted, names(f))])
  res
}
modified <- function(fit) {
  m <- modindices(fit, sort. = TRUE)
  m <- m[m$op %in% c("=~", "~~"), ][1:12, ]
  as.list(m[c("lhs", "op", "rhs", "mi", "epc", "sepc.all")])
}
# errors under strata, clusters and weights: slopes of every row's log likelihood by central differences
rowwise <- function(fit, theta, y) {
  m <- lavaan:::lav_model_implied(lavaan:::lav_model_set_parameters(fit@Model, theta))
  S <- m$cov[[1]]; mu <- as.numeric(m$mean[[1]])
  apply(y, 1, function(x) {
    k <- which(!is.na(x)); r <- x[k] - mu[k]
    -.5 * (length(k) * log(2 * pi) + determinant(S[k, k, drop = FALSE])$modulus + drop(r %*% solve(S[k, k, drop = FALSE], r)))
  })
}
designed <- function(fit) {
  theta <- as.numeric(coef(fit)); y <- as.matrix(d[lavNames(fit, "ov")])
  step <- 1e-4 * pmax(abs(theta), .1)
  scores <- sapply(seq_along(theta), function(k) {
    up <- replace(theta, k, theta[k] + step[k]); down <- replace(theta, k, theta[k] - step[k])
    (rowwise(fit, up, y) - rowwise(fit, down, y)) / (2 * step[k])
  })
  info <- lavInspect(fit, "information.observed") * n
  infl <- (d$weight * n / sum(d$weight)) * scores %*% solve(info)
  design <- svydesign(~village, strata = ~stratum, weights = ~weight, data = d)
  V <- svyrecvar(infl, design$cluster, design$strata, design$fpc)
  list(names = names(coef(fit)), est = theta, se = as.numeric(sqrt(diag(V))), sums = max(abs(colSums(infl)) / sqrt(diag(V))))
}
tests <- function(a, b) {
  old <- lavTestLRT(a, b, method = "satorra.bentler.2001"); new <- lavTestLRT(a, b, method = "satorra.2000", scaled.shifted = FALSE)
  list(sb2001 = old[2, "Chisq diff"], satorra2000 = new[2, "Chisq diff"], df = old[2, "Df diff"])
}

res <- list()
ml <- cfa(cfa3, d); res$ml <- c(out(ml), list(mi = modified(ml)))
res$mlr <- out(cfa(cfa3, d, estimator = "MLR"))
res$mlm <- out(cfa(cfa3, d, estimator = "MLM"))
res$mlmv <- out(cfa(cfa3, d, estimator = "MLMV"))
res$wishart <- out(cfa(cfa3, d, likelihood = "wishart"))
res$unit <- out(cfa(cfa3, d, std.lv = TRUE))
res$gls <- out(cfa(cfa3, d, estimator = "GLS")); res$wls <- out(cfa(cfa3, d, estimator = "WLS"))
res$paths <- out(sem(paths, d))
res$linear <- out(sem(paste(units, "load ~ a*pay\nleave ~ b*load + c*pay\na == -b\nd := a + c", sep = "\n"), d))
res$nonlinear <- out(cfa("pay =~ p1 + e*p2 + f*p3\nleave =~ v1 + v2 + g*v3\nf == e^2\ne2 := exp(f)/g", d))
res$labels <- out(cfa("pay =~ p1 + e*p2 + e*p3\nleave =~ NA*v1 + v2 + start(0.5)*v3\nleave ~~ 1*leave\nv1 ~~ p1\np2 ~~ 0.9*p2", d))
res$second <- out(cfa(paste(cfa3, "strain =~ leave + load + pay", sep = "\n"), d))
res$single <- out(sem("load =~ l1 + l2 + l3\nquit =~ v1\nquit ~ load\nload ~ age + male\nl1 ~ 1", d))
res$observed <- out(sem("v1 ~ b*l2 + male\nl2 ~ a*p1 + age\nab := a*b", d))
res$covariates <- out(sem(paste(cfa3, "load ~ pay + male + age\nleave ~ load + pay + male", sep = "\n"), d, estimator = "MLR"))
res$fiml <- out(cfa(miss, d, missing = "fiml"))
res$fiml_mlr <- out(cfa(miss, d, missing = "fiml", estimator = "MLR"))
res$fiml_covariates <- out(sem(paste(miss, "load ~ pay + male + age", sep = "\n"), d, missing = "fiml", estimator = "MLR"))
res$designed <- designed(sem(paths, d, sampling.weights = "weight", estimator = "MLR", meanstructure = TRUE))
res$designed_fiml <- designed(cfa(miss, d, sampling.weights = "weight", estimator = "MLR", missing = "fiml"))
equal <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"),
              strict = c("loadings", "intercepts", "residuals"))
grouped <- lapply(equal, function(e) cfa(cfa3, d, group = "office", group.equal = e, estimator = "MLR"))
res$groups <- lapply(grouped, out)
res$partial <- out(cfa(cfa3, d, group = "office", group.equal = c("loadings", "intercepts"), group.partial = c("load =~ l2", "l2 ~ 1")))
res$by_group <- out(sem("leave =~ v1 + v2 + v3\nleave ~ c(a, b)*age\nage_gap := a - b", d, group = "office"))
res$steps <- list(metric = tests(grouped$configural, grouped$metric), scalar = tests(grouped$metric, grouped$scalar),
                  strict = tests(grouped$scalar, grouped$strict))
res$ordinal <- out(cfa(CFA3, d, ordered = big))
res$ordinal$mi <- modified(cfa(CFA3, d, ordered = big))
res$ordinal_paths <- out(sem(paste(CFA3, "load ~ a*pay\nleave ~ b*load + c*pay\nindirect := a*b", sep = "\n"), d, ordered = big))
res$ordinal_covariates <- out(sem(paste(CFA3, "load ~ pay + male + age\nleave ~ load + male", sep = "\n"), d, ordered = big), standard = FALSE)
G <- lapply(list(configural = "", metric = "loadings", scalar = c("loadings", "thresholds")), function(e)
  cfa(CFA3, d, ordered = big, group = "office", group.equal = e))
res$ordinal_groups <- lapply(G, out, standard = FALSE)
steps <- lavTestLRT(G$configural, G$metric, G$scalar)
res$ordinal_steps <- list(diff = as.numeric(steps[["Chisq diff"]][2:3]), df = as.numeric(steps[["Df diff"]][2:3]))
res$mixed <- out(cfa("pay =~ P1 + P2 + P3\nload =~ l2 + l3 + v2", d, ordered = c("P1", "P2", "P3")), standard = FALSE)
dm <- d; for (v in big) dm[[v]] <- ifelse(is.na(d[[paste0("m", tolower(v))]]), NA, d[[v]])
res$ordinal_pairwise <- out(cfa(CFA3, dm, ordered = big, missing = "pairwise"), standard = FALSE)
cors <- lavCor(d[c("P1", "P2", "P3", "L1", "l2", "age")], ordered = c("P1", "P2", "P3", "L1"), output = "fit")
res$polychoric <- list(R = unclass(lavCor(d[big], ordered = big)))
write_json(res, "paths.json", digits = 15, auto_unbox = TRUE, na = "null")
