# Reference values of scale analysis: psych, GPArotation and stats on tests/reference/scales.csv, simulated by us:
#   random <- set.seed(20261129); a general and three group factors behind nine items of five levels, 400 rows.
# Rscript tests/reference/scales.R   (R 4.2.2, psych 2.2.9, GPArotation 2022.10-2)
suppressMessages({library(psych); library(GPArotation); library(jsonlite)})
set.seed(20261129)
n <- 400
general <- rnorm(n); groups <- matrix(rnorm(n * 3), n)
latent <- sapply(1:9, function(k) 0.6 * general + 0.5 * groups[, (k - 1) %/% 3 + 1] + 0.62 * rnorm(n))
cuts <- c(-Inf, -1.1, -0.3, 0.4, 1.2, Inf)
items <- as.data.frame(apply(latent, 2, function(x) as.integer(cut(x, cuts))))
names(items) <- paste0("q", 1:9)
items$q2[c(5, 77)] <- NA; items$q9[c(12, 200, 301)] <- NA
write.csv(items, "tests/reference/scales.csv", row.names = FALSE, na = "")
whole <- na.omit(items); R <- cor(whole)
# psych's minres stops some 2e-5 short; principal axes repeated to the end have the same solution
to_the_end <- function(R, m) fa(R, m, fm = "pa", rotate = "none", min.err = 1e-15, max.iter = 1e5)
one <- to_the_end(R, 1); lambda <- one$loadings[, 1]
loose <- to_the_end(R, 3); L <- unclass(loose$loadings)
turned <- oblimin(L, eps = 1e-9, maxit = 20000)
g <- turned$loadings %*% to_the_end(turned$Phi, 1)$loadings[, 1]
ml <- factanal(covmat = R, factors = 3, n.obs = nrow(whole), rotation = "none",
               control = list(opt = list(factr = 1, pgtol = 1e-12, maxit = 5000)))
a <- suppressWarnings(psych::alpha(items)); poly <- polychoric(whole, correct = 0)$rho
sorted <- function(M) { M <- M[, order(-colSums(M^2))]; sweep(M, 2, sign(colSums(M)), "*") }
result <- list(
  pairwise = list(alpha = a$total$raw_alpha, standardised_alpha = a$total$std.alpha, lambda6 = a$total$`G6(smc)`),
  alpha = psych::alpha(whole)$total$raw_alpha,
  omega = sum(lambda)^2 / (sum(lambda)^2 + sum(one$uniquenesses)),
  omega_total = 1 - sum(loose$uniquenesses) / sum(R),
  omega_hierarchical = sum(g)^2 / sum(R),
  psych_omega = with(suppressMessages(omega(whole, 3, plot = FALSE)), list(hierarchical = omega_h, total = omega.tot)),
  ordinal_alpha = 9 / 8 * (1 - 9 / sum(poly)),
  kmo = KMO(R)$MSA, msa = unname(KMO(R)$MSAi),
  bartlett = cortest.bartlett(R, n = nrow(whole))$chisq,
  eigenvalues = eigen(R)$values,
  minres = unname(loose$uniquenesses), ml = unname(ml$uniquenesses),
  varimax = unname(sorted(unclass(varimax(L, eps = 1e-15)$loadings))),
  oblimin = unname(abs(turned$loadings[, order(-diag(turned$Phi %*% t(turned$loadings) %*% turned$loadings))])),
  component_share = eigen(R)$values[1] / 9, factor_share = sum(lambda^2) / 9
)
write_json(result, "tests/reference/scales.json", digits = 15, auto_unbox = TRUE, pretty = TRUE)
