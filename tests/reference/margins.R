# Makes margins.json: corrections for few clusters, likelihood-ratio tests, predictions and average marginal effects, of
# the sample of modelling.csv.
#   Rscript margins.R        in this folder; R 4.2.2, survey 4.1-1, clubSandwich 0.5.8, jsonlite 1.8.4
# Marginal effects are written out: derivatives of the logit by hand, errors from the influence of each row.
suppressMessages({library(survey); library(clubSandwich); library(jsonlite)})
options(digits = 17)
people <- read.csv("modelling.csv")
people <- people[complete.cases(people), ]
people$z <- factor(people$z, c("low", "middle", "high"))
tight <- glm.control(epsilon = 1e-15, maxit = 200)
design <- svydesign(ids = ~cluster, strata = ~stratum, weights = ~weight, data = people, nest = TRUE)

corrected <- function(model, type, ...) {
  found <- unclass(as.data.frame(coef_test(model, vcovCR(model, people$cluster, type, ...), test = "Satterthwaite")))
  list(std_error = found$SE, df = found[[grep("^df", names(found))[1]]])
}
linear <- lm(y ~ x + z, people, weights = weight)
logistic <- glm(b ~ x + z, binomial, people, control = tight)
weighted <- glm(b ~ x + z, quasibinomial, people, weights = weight, control = tight)
left <- fitted(weighted) * (1 - fitted(weighted))
types <- c("CR1", "CR1S", "CR2", "CR3")
few <- lapply(setNames(types, types), function(type) list(
  linear = corrected(linear, type), logistic = corrected(logistic, type),
  weighted = corrected(weighted, type, target = left)))

models <- list(
  linear = svyglm(y ~ x + z, design),
  logistic = svyglm(b ~ x + z, design, family = quasibinomial, control = tight),
  poisson = svyglm(visits ~ x + z, design, family = quasipoisson, control = tight))
likelihood <- lapply(models, function(model) {
  # the smaller model of the test is fitted by update(), with the same control
  found <- regTermTest(model, ~z, method = "LRT")
  wald <- regTermTest(model, ~z)
  list(statistic = drop(found$chisq), df = found$df, ddf = found$ddf, lambda = found$lambda, p = drop(found$p),
       f = drop(wald$Ftest), wald_p = drop(wald$p))
})

grid <- expand.grid(x = c(5, 10, 16), z = levels(people$z))
grid$z <- factor(grid$z, levels(people$z))
predicted <- lapply(models, function(model) {
  response <- predict(model, grid, type = "response", se.fit = TRUE)
  link <- predict(model, grid, type = "link", se.fit = TRUE)
  reach <- qt(.975, model$df.residual) * sqrt(attr(link, "var"))
  list(estimate = as.numeric(response), std_error = sqrt(as.numeric(attr(response, "var"))),
       conf_low = model$family$linkinv(as.numeric(link) - reach),
       conf_high = model$family$linkinv(as.numeric(link) + reach))
})

# effects of b ~ x * z, rows by rows: derivative in x, differences of z from low; and their slopes in the coefficients
effects <- function(beta, data) {
  matrix <- function(level) { data$z <- factor(level, levels(people$z)); model.matrix(~ x * z, data) }
  own <- matrix(as.character(data$z)); mu <- plogis(drop(own %*% beta)); v <- mu * (1 - mu)
  inner <- cbind(0, 1, 0, 0, own[, 3], own[, 4])          # d eta / dx in the coefficients
  slope <- drop(inner %*% beta)
  found <- list(x = list(value = v * slope, gradient = v * (1 - 2 * mu) * slope * own + v * inner))
  base <- matrix(rep("low", nrow(data))); at <- plogis(drop(base %*% beta))
  for (level in c("middle", "high")) {
    other <- matrix(rep(level, nrow(data))); there <- plogis(drop(other %*% beta))
    found[[level]] <- list(value = there - at, gradient = there * (1 - there) * other - at * (1 - at) * base)
  }
  found
}
interaction <- svyglm(b ~ x * z, design, family = quasibinomial, control = tight)
beta <- coef(interaction); X <- model.matrix(interaction); mu <- fitted(interaction); w <- people$weight
influence <- (X * (people$b - mu)) %*% solve(t(X * w * mu * (1 - mu)) %*% X)
average <- function(group) {
  lapply(effects(beta, people), function(effect) {
    estimate <- sum(w * group * effect$value) / sum(w * group)
    gradient <- colSums(w * group * effect$gradient) / sum(w * group)
    rows <- group * (effect$value - estimate) / sum(w * group) + drop(influence %*% gradient)
    list(estimate = estimate, fixed = sqrt(drop(gradient %*% vcov(interaction) %*% gradient)),
         sampled = as.numeric(SE(svytotal(rows, design))))
  })
}
jackknife <- as.svrepdesign(design, type = "JKn")
replicated <- withReplicates(jackknife, function(weights, data) {
  data$own <- weights
  fit <- suppressWarnings(glm(b ~ x * z, quasibinomial, data, weights = own, control = tight))
  sapply(effects(coef(fit), data), function(effect) sum(weights * effect$value) / sum(weights))
}, return.replicates = FALSE)
margins <- list(all = average(rep(1, nrow(people))), north = average(as.numeric(people$stratum == "north")),
                south = average(as.numeric(people$stratum == "south")), df = degf(design) - 5,
                jackknife = list(estimate = as.numeric(replicated), std_error = as.numeric(SE(replicated))))

write_json(list(few = few, likelihood = likelihood, predictions = predicted, margins = margins), "margins.json",
           digits = NA, auto_unbox = TRUE, pretty = TRUE)
