# Makes coded.csv (400 simulated interviews in 40 clusters) and coded.json: correspondence analysis, log ratios of groups
# and of pairs of codes, under the design.
#   Rscript coded.R        in this folder; R 4.2.2, survey 4.1-1, ca 0.71.1, MASS 7.3, jsonlite 1.8.4
suppressMessages({library(survey); library(ca); library(MASS); library(jsonlite)})
set.seed(20261129)
options(digits = 17)
clusters <- 40; size <- 10; n <- clusters * size
people <- data.frame(stratum = rep(rep(c("s1", "s2"), each = clusters / 2), each = size),
                     cluster = rep(sprintf("c%02d", 1:clusters), each = size),
                     weight = round(rep(runif(clusters, .5, 3), each = size), 3),
                     group = sample(c("a", "b", "c", "d"), n, TRUE, c(.4, .3, .2, .1)))
village <- rep(rnorm(clusters, 0, .7), each = size)
slope <- rbind(P1 = c(0, .8, -.5, .4), P2 = c(.5, -.6, 0, 0), P3 = c(-.7, 0, .9, .2), P4 = c(0, .2, .1, -1), P5 = c(.3, .3, -.8, .9))
for (code in rownames(slope)) people[[code]] <- rbinom(n, 1, plogis(-.9 + village + slope[code, match(people$group, letters)]))
people$P5[sample(n, 30)] <- NA
write.csv(people, "coded.csv", row.names = FALSE, quote = FALSE)

codes <- rownames(slope)
d <- svydesign(id = ~cluster, strata = ~stratum, weights = ~weight, data = people)
mentions <- sapply(sort(unique(people$group)), function(g) sapply(codes, function(code) sum(people$weight * people[[code]] * (people$group == g), na.rm = TRUE)))
solved <- ca(mentions)
shown <- summary(solved)
masses <- function(side) list(mass = unname(solved[[paste0(side, "mass")]]), inertia = unname(solved[[paste0(side, "inertia")]]),
                              standard = unname(solved[[paste0(side, "coord")]]))
distinct <- lapply(sort(unique(people$group)), function(g) lapply(codes, function(code) {
  d$variables$here <- as.numeric(d$variables$group == g)
  fit <- svyglm(as.formula(paste(code, "~ here")), subset(d, !is.na(d$variables[[code]])), family = quasipoisson())
  list(group = g, item = code, estimate = unname(coef(fit)[2]) / log(2), std_error = unname(sqrt(vcov(fit)[2, 2])) / log(2)) }))
together <- combn(codes, 2, simplify = FALSE, FUN = function(pair) {
  both <- d; both$variables$a <- both$variables[[pair[1]]]; both$variables$b <- both$variables[[pair[2]]]
  both <- subset(both, !is.na(a) & !is.na(b))
  both <- update(both, ab = a * b)
  found <- svycontrast(svymean(~ab + a + b, both), quote((log(ab) - log(a) - log(b)) / log(2)))
  list(first = pair[1], second = pair[2], estimate = unname(coef(found)), std_error = unname(SE(found)), share = unname(coef(svymean(~ab, both)))) })
write_json(list(
  mentions = unname(mentions), singular = solved$sv, rows = masses("row"), columns = masses("col"),
  corresp = corresp(round(mentions, 3), nf = 2)$cor,
  distinctive = unlist(distinct, recursive = FALSE), together = together
), "coded.json", digits = 15, auto_unbox = TRUE)
