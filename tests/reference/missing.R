# Makes missing.csv (a simulated clustered sample with gaps and six imputed copies of it) and missing.json (what R pools).
#   Rscript missing.R        in this folder; R 4.2.2, mice 3.15.0, mitools 2.4, mitml 0.4-4, survey 4.1-1, jsonlite 1.8.4
# Row .imp = 0 is the sample as it was answered. Little's test is written out below: no package of Debian has it.
suppressMessages({library(mice); library(mitools); library(mitml); library(survey); library(jsonlite)})
options(digits = 17)
set.seed(20261129)

villages <- 24; each <- 6; n <- villages * each
village <- rep(seq_len(villages), each = each)
effect <- rnorm(villages, 0, 0.5)[village]
stratum <- ifelse(village <= 10, "hill", "plain")
x <- round(rnorm(n, 0.5 * effect), 3)
people <- data.frame(village = village, stratum = stratum, weight = round(runif(n, 0.5, 2) * ifelse(stratum == "hill", 1, 2), 3), x = x)
people$y <- round(10 + 2 * x + 1.5 * effect + rnorm(n), 3)
people$z <- round(5 - x + 0.5 * people$y + rnorm(n), 3)
people$b <- rbinom(n, 1, plogis(-0.5 + 0.8 * x + effect))
people$y[runif(n) < plogis(-1.3 + 0.8 * x)] <- NA
people$z[runif(n) < 0.2] <- NA
people$b[runif(n) < plogis(-1.6 - 0.7 * x)] <- NA
imputed <- mice(people, m = 6, maxit = 8, method = c("", "", "", "", "pmm", "norm", "logreg"), printFlag = FALSE, seed = 7)
long <- complete(imputed, "long", include = TRUE)
long$z <- round(long$z, 3)
long <- long[, c(".imp", "village", "stratum", "weight", "x", "y", "z", "b")]
write.csv(long, "missing.csv", row.names = FALSE, na = "")
long <- read.csv("missing.csv")
sets <- split(long, long$.imp)[-1]

pooled <- function(fits, dfcom = NULL) {
  found <- pool(as.mira(fits), dfcom = dfcom)
  table <- found$pooled; told <- summary(found)
  list(term = as.character(table$term), estimate = table$estimate, std_error = told$std.error, df = table$df, p_value = told$p.value,
       riv = table$riv, share = table$lambda, fmi = table$fmi, within = table$ubar, between = table$b)
}
tested <- function(test) { row <- test$test; list(f = row[1, 1], df = row[1, 2], df_below = row[1, 3], p_value = row[1, 4], riv = row[1, 5]) }
tight <- glm.control(epsilon = 1e-15, maxit = 200)
lines <- lapply(sets, function(set) lm(y ~ x + z + b, set))
logits <- lapply(sets, function(set) glm(b ~ x + y, binomial, set, control = tight))
none <- lapply(sets, function(set) lm(y ~ x, set))
designs <- lapply(sets, function(set) svydesign(~village, strata = ~stratum, weights = ~weight, data = set))
# Degrees of freedom by mice: those of mitools leave the factor 1 + 1/m out of Barnard and Rubin's lambda.
combined <- function(results, df) {
  found <- MIcombine(results, df.complete = df)
  between <- apply(do.call(rbind, lapply(results, coef)), 2, var); total <- diag(as.matrix(vcov(found)))
  freedom <- mapply(function(b, t) mice:::barnard.rubin(length(results), b, t, df), between, total)
  riv <- (1 + 1 / length(results)) * between / (total - (1 + 1 / length(results)) * between)
  list(estimate = unname(coef(found)), std_error = unname(sqrt(total)), df = unname(freedom), fmi = unname((riv + 2 / (freedom + 3)) / (riv + 1)))
}
whole <- degf(designs[[1]])
survey_lines <- lapply(designs, function(design) svyglm(y ~ x + z + b, design))
survey_means <- lapply(designs, function(design) svymean(~y + z + b, design))
chi <- vapply(seq_along(sets), function(l) {
  fit <- lines[[l]]; at <- c("z", "b")
  as.numeric(t(coef(fit)[at]) %*% solve(vcov(fit)[at, at]) %*% coef(fit)[at])
}, 0)

# Little's test: maximum likelihood of mean and covariance by EM, then the distances of the means of each pattern.
little <- function(data) {
  data <- as.matrix(data); data <- data[rowSums(!is.na(data)) > 0, ]; p <- ncol(data)
  mean <- colMeans(data, na.rm = TRUE); covariance <- diag(apply(data, 2, var, na.rm = TRUE))
  for (round in 1:5000) {
    sums <- rep(0, p); products <- matrix(0, p, p)
    for (i in seq_len(nrow(data))) {
      seen <- !is.na(data[i, ]); value <- data[i, ]; extra <- matrix(0, p, p)
      if (any(!seen)) {
        slope <- covariance[!seen, seen, drop = FALSE] %*% solve(covariance[seen, seen])
        value[!seen] <- mean[!seen] + slope %*% (data[i, seen] - mean[seen])
        extra[!seen, !seen] <- covariance[!seen, !seen] - slope %*% covariance[seen, !seen, drop = FALSE]
      }
      sums <- sums + value; products <- products + tcrossprod(value) + extra
    }
    new_mean <- sums / nrow(data); new_covariance <- products / nrow(data) - tcrossprod(new_mean)
    change <- max(abs(new_covariance - covariance), abs(new_mean - mean)); mean <- new_mean; covariance <- new_covariance
    if (change < 1e-13) break
  }
  unbiased <- covariance * nrow(data) / (nrow(data) - 1)
  pattern <- apply(!is.na(data), 1, paste, collapse = ""); statistic <- 0; df <- -p
  for (kind in unique(pattern)) {
    rows <- data[pattern == kind, , drop = FALSE]; seen <- !is.na(rows[1, ])
    distance <- colMeans(rows[, seen, drop = FALSE]) - mean[seen]
    statistic <- statistic + nrow(rows) * as.numeric(t(distance) %*% solve(unbiased[seen, seen]) %*% distance); df <- df + sum(seen)
  }
  list(statistic = statistic, df = df, p_value = pchisq(statistic, df, lower.tail = FALSE), mean = unname(mean), covariance = unname(covariance))
}

result <- list(
  lm = pooled(lines), lm_large = pooled(lines, dfcom = Inf), glm = pooled(logits),
  D1_df = tested(testModels(lines, none, method = "D1", df.com = n - 4)), D1 = tested(testModels(lines, none, method = "D1")),
  chi = chi, D2 = tested(testModels(lines, none, method = "D2", use = "wald")),
  svyglm = combined(survey_lines, whole - 3), svymean = combined(survey_means, whole),
  little = little(people[, c("x", "y", "z", "b")])
)
writeLines(toJSON(result, digits = NA, auto_unbox = TRUE, pretty = TRUE), "missing.json")
