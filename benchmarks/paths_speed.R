# Seconds of CPU that lavaan takes: one fit (errors, scaled test, baseline), and draws of a cluster bootstrap of a * b.
#   Rscript paths_speed.R data.csv draws ordinal(0|1)
suppressMessages(library(lavaan))
arg <- commandArgs(TRUE)
d <- read.csv(arg[1]); draws <- as.integer(arg[2]); ordinal <- arg[3] == "1"
items <- c("p1", "p2", "p3", "l1", "l2", "l3", "v1", "v2", "v3")
model <- "pay =~ p1 + p2 + p3\nload =~ l1 + l2 + l3\nleave =~ v1 + v2 + v3\nload ~ a*pay\nleave ~ b*load + c*pay\nindirect := a*b"
cpu <- function(e) { t <- proc.time(); force(e); sum((proc.time() - t)[c(1, 2)]) }
once <- function() if (ordinal) sem(model, d, ordered = items) else sem(model, d, cluster = "village")
fit <- once()
single <- min(replicate(5, cpu(once())))
groups <- split(seq_len(nrow(d)), d$village)
one <- function() {
  rows <- unlist(groups[sample(length(groups), replace = TRUE)])
  f <- if (ordinal) sem(model, d[rows, ], ordered = items, se = "none", test = "none", baseline = FALSE, h1 = FALSE)
       else sem(model, d[rows, ], se = "none", test = "none", baseline = FALSE, h1 = FALSE)
  x <- coef(f); x[["a"]] * x[["b"]]
}
set.seed(1)
boot <- cpu(for (i in seq_len(draws)) try(suppressWarnings(one()), silent = TRUE))
est <- parameterEstimates(fit); last <- est[est$lhs == "indirect", ]
cat(sprintf('{"lavaan": "%s", "single": %f, "draw": %f, "estimate": %.12f, "std_error": %.12f}\n',
            packageVersion("lavaan"), single, boot / draws, last$est, last$se))
