# Makes descriptive.json: quantiles, variances, tests of groups and effect sizes on modelling.csv (made by modelling.R).
#   Rscript descriptive.R        in this folder; R 4.2.2, survey 4.1-1, jsonlite 1.8.4
# Where R has no function (effect sizes, correlations), the statistic is written down here as a function of the weights:
# its error comes from numerical derivatives by each weight (svytotal of them), or from refits under replicate weights.
suppressMessages({library(survey); library(jsonlite)})
options(digits = 17, survey.lonely.psu = "certainty")
people <- read.csv("modelling.csv")
people$z <- factor(people$z, c("low", "middle", "high"))
people$scaled <- people$weight / mean(people$weight)
staged <- svydesign(id = ~cluster + person, strata = ~stratum, weights = ~weight, fpc = ~villages + households, data = people)
plain <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = people)
scaled <- svydesign(id = ~cluster, strata = ~stratum, weights = ~scaled, data = people)
jackknife <- as.svrepdesign(plain, type = "JKn")
shares <- c(.1, .25, .5, .75, .9)
rules <- c("math", "school", "shahvaish", paste0("hf", c(1, 2, 4:9)))

of <- function(r, row = 1) list(estimate = unname(r[, 1]), low = unname(r[, 2]), high = unname(r[, 3]), std_error = unname(r[, 4]))
quantiles <- function(d, types) list(
  rules = sapply(rules, function(rule) unname(svyquantile(~hours, if (rule == "shahvaish" && inherits(d, "survey.design")) scaled else d, shares, qrule = rule, ci = FALSE)$hours[1, ]), simplify = FALSE),
  intervals = sapply(types, function(type) of(svyquantile(~hours, d, shares, qrule = "school", interval.type = type)$hours), simplify = FALSE),
  linear = of(svyquantile(~hours, d, shares, qrule = "hf7", interval.type = "mean")$hours),
  ratings = of(svyquantile(~item1, d, shares, qrule = "math", interval.type = "mean")$item1),
  domain = of(svyquantile(~hours, subset(d, b == 1), shares, qrule = "school", interval.type = "mean")$hours)
)
variances <- function(d) { v <- svyvar(~hours + visits, d)
  list(estimate = as.vector(v)[c(1, 2, 4)], std_error = sqrt(diag(attr(v, "var")))[c(1, 2, 4)],
       missing = { w <- svyvar(~y, d, na.rm = TRUE); as.vector(w) / (205 / 204) * (198 / 197) * if (inherits(d, "svyrep.design")) (205 / 204) / (198 / 197) else 1 }) }
test <- function(t) list(statistic = as.vector(t$statistic), df = unname(t$parameter), p = unname(as.vector(t$p.value)))
several <- function(t) list(chisq = unname(as.vector(t$parameter)), df = unname(t$statistic), df_below = t$ddf, p = unname(as.vector(t$p.value)))
groups <- function(d) {
  two <- svyttest(hours ~ b, d)
  some <- svyttest(hours ~ b, subset(d, z != "high"))
  wald <- regTermTest(svyglm(hours ~ z, d), ~z)
  list(
    t = c(test(two), list(difference = unname(two$estimate), ci = as.vector(two$conf.int))),
    t_domain = test(some),
    one_way = list(F = as.vector(wald$Ftest), df = wald$df, df_below = wald$ddf, p = as.vector(wald$p)),
    wilcoxon = test(svyranktest(visits ~ b, d)),
    median = test(svyranktest(visits ~ b, d, test = "median")),
    normal = test(svyranktest(visits ~ b, d, test = "vanderWaerden")),
    kruskal = several(svyranktest(visits ~ z, d)),
    F = test(svychisq(~z + stratum, d, statistic = "F")), chisq = test(svychisq(~z + b, d, statistic = "Chisq")),
    F_b = test(svychisq(~z + b, d, statistic = "F")),
    wald = test(svychisq(~z + b, d, statistic = "Wald")), adjusted = test(svychisq(~z + b, d, statistic = "adjWald")),
    F_domain = test(svychisq(~z + b, subset(d, stratum != "west"), statistic = "F"))
  )
}
likelihood <- function(d) {                      # svyciprop interpolates its profile; this is the root itself
  m <- svymean(~b, d); p <- coef(m)[[1]]; v <- vcov(m)[1, 1]; n <- nrow(people)
  reach <- qt(.975, degf(d))^2 * n * v / (p * (1 - p)) / (2 * (n - 1))
  away <- function(q) p * log(p / q) + (1 - p) * log((1 - p) / (1 - q)) - reach
  list(exact = c(uniroot(away, c(1e-6, p), tol = 1e-15)$root, uniroot(away, c(p, 1 - 1e-6), tol = 1e-15)$root),
       survey = as.vector(attr(svyciprop(~b, d, method = "likelihood"), "ci")))
}

# statistics as functions of the weights
average <- function(v, w) sum(w * v) / sum(w)
cohen <- function(w) { g <- people$b; y <- people$hours; n <- length(y)
  m <- sapply(0:1, function(k) average(y[g == k], w[g == k]))
  (m[2] - m[1]) / sqrt(sum(w * (y - m[g + 1])^2) / sum(w) * n / (n - 2)) }
hedges <- function(w) cohen(w) * (1 - 3 / (4 * (nrow(people) - 2) - 1))
eta <- function(w) { m <- sapply(levels(people$z), function(k) average(people$hours[people$z == k], w[people$z == k]))
  all <- average(people$hours, w); average((m[people$z] - all)^2, w) / average((people$hours - all)^2, w) }
superiority <- function(w) { low <- people$b == 0; h <- people$visits
  sum(outer(w[!low], w[low]) * (outer(h[!low], h[low], ">") + .5 * outer(h[!low], h[low], "=="))) / sum(w[!low]) / sum(w[low]) }
correlation <- function(x, y, w) { x <- x - average(x, w); y <- y - average(y, w); sum(w * x * y) / sqrt(sum(w * x^2) * sum(w * y^2)) }
ranks <- function(x, w) sapply(x, function(v) sum(w * ((x < v) + .5 * (x == v))) / sum(w))
pearson <- function(w) correlation(people$hours, people$visits, w)
spearman <- function(w) correlation(ranks(people$item1, w), ranks(people$visits, w), w)
partial <- function(w) { left <- function(v) residuals(lm(v ~ people$item1 + people$item3, weights = w)); correlation(left(people$hours), left(people$visits), w) }
missing_pair <- function(w) { k <- !is.na(people$x) & !is.na(people$y); correlation(people$x[k], people$y[k], w[k]) }
cramer <- function(w) { p <- xtabs(w ~ people$z + people$b) / sum(w); e <- outer(rowSums(p), colSums(p)); sqrt(sum((p - e)^2 / e)) }
statistics <- list(cohen = cohen, hedges = hedges, eta = eta, superiority = superiority, pearson = pearson,
                   spearman = spearman, partial = partial, missing_pair = missing_pair, cramer = cramer)
derivatives <- function(f, w) sapply(seq_along(w), function(i) { h <- 1e-4 * w[i]; up <- w; down <- w; up[i] <- w[i] + h; down[i] <- w[i] - h; (f(up) - f(down)) / (2 * h) })
linearised <- function(d) lapply(statistics, function(f) {
  moved <- derivatives(f, people$weight)
  list(estimate = f(people$weight), std_error = as.vector(SE(svytotal(moved, d)))) })
refitted <- function(d) lapply(statistics, function(f) { r <- withReplicates(d, function(w, data) f(w)); list(estimate = as.vector(coef(r)), std_error = as.vector(SE(r))) })
# length of a vector of estimates: noncentral F, as written in length_interval
length_ends <- function(vector, V, df) { m1 <- sum(diag(V)); m2 <- sum(V^2); size <- sqrt(sum(vector^2)); u <- vector / size
  along <- sum(u * (V %*% u))
  below <- function(m) { k <- (2 * m^2 * along + m2) / (2 * m^2 + m1); pf(size^2 / m1, m1 / k, df, ncp = m^2 / k) }
  c(if (below(0) < .975) 0 else uniroot(function(m) below(m) - .975, c(0, size), tol = 1e-14)$root,
    if (below(0) < .025) 0 else uniroot(function(m) below(m) - .025, c(0, size + 10 * sqrt(m1)), tol = 1e-14)$root) }
# goodness of fit to known shares, every row counting the same
equal <- svydesign(id = ~cluster, strata = ~stratum, weights = rep(1, nrow(people)), data = people)
fit <- { m <- svymean(~z, equal); known <- c(.5, .3, .2); n <- nrow(people); x2 <- n * sum((coef(m) - known)^2 / known)
  root <- diag(1 / sqrt(known)); lambda <- eigen(n * root %*% vcov(m) %*% root)$values
  d0 <- sum(lambda)^2 / sum(lambda^2); f <- x2 / sum(lambda)
  list(chi_square = x2, F = f, df = d0, df_below = d0 * degf(equal), p = pf(f, d0, d0 * degf(equal), lower.tail = FALSE)) }
# upper against lower 27 % of a sum of items
answered <- subset(plain, !is.na(item2))
people$total <- rowSums(people[paste0("item", 1:4)])
cut <- svyquantile(~total, update(answered, total = item1 + item2 + item3 + item4), c(.27, .73), qrule = "math", ci = FALSE)$total[1, ]
extremes <- subset(update(answered, total = item1 + item2 + item3 + item4), total <= cut[1] | total >= cut[2])
critical <- lapply(paste0("item", 1:4), function(item) test(svyttest(as.formula(paste0(item, " ~ I(1 * (total >= ", cut[2], "))")), extremes)))
rest <- { k <- !is.na(people$item2); correlation(people$item1[k], rowSums(people[k, paste0("item", 2:4)]), people$weight[k]) }

result <- list(
  R = R.version.string, survey = as.character(packageVersion("survey")), shares = shares,
  quantiles = list(plain = quantiles(plain, c("mean", "xlogit", "beta", "asin")), staged = quantiles(staged, c("mean", "xlogit", "beta", "asin")),
                   jackknife = quantiles(jackknife, c("mean", "quantile"))),
  variances = list(plain = variances(plain), staged = variances(staged), jackknife = variances(jackknife)),
  groups = list(plain = groups(plain), staged = groups(staged)),
  likelihood = list(plain = likelihood(plain), staged = likelihood(staged)),
  statistics = list(plain = linearised(plain), staged = linearised(staged), jackknife = refitted(jackknife)),
  jackknife = list(t = { t <- svyttest(hours ~ b, jackknife); test(t) }, F = test(svychisq(~z + b, jackknife, statistic = "F"))),
  lengths = list(list(vector = c(.3, .1), variance = c(.01, .01), df = 60, ends = length_ends(c(.3, .1), diag(c(.01, .01)), 60)),
                 list(vector = c(.05, .2, -.1), variance = c(.002, .01, .004), df = 20, ends = length_ends(c(.05, .2, -.1), diag(c(.002, .01, .004)), 20))),
  fit = fit, cut = unname(cut), critical = critical, rest = rest
)
write_json(result, "descriptive.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
