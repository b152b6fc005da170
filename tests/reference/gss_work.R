# Weighted means and two models of the working-life survey, for tests/test_real_surveys.py.
#   Rscript gss_work.R gss_panel06_long.csv        R 4.2.2, survey 4.1-1
# The logistic model is iterated to the end, so that its values are those of the estimator, not of its stopping rule.
suppressMessages(library(survey))
options(digits = 12, survey.lonely.psu = "adjust")
file <- commandArgs(trailingOnly = TRUE)[1]
people <- read.csv(file, colClasses = "character")
people <- people[people$wave == "1.0" & people$wtpannr12 != "", ]

agree <- c("Strongly Disagree", "Disagree", "Agree", "Strongly Agree")
true <- c("Not at all True", "Not Too True", "Somewhat True", "Very True")
deserve <- c("Much less than you Deserve", "Somewhat less than you Deserve", "About as Much as you Deserve",
             "Somewhat more than you Deserve", "Much more than you Deserve")
satisfied <- c("Not at all Satisfied", "Not Too Satisfied", "Somewhat Satisfied", "Very Satisfied")
load <- cbind(match(people$overwork, agree), match(people$workfast, agree), 5 - match(people$wrktime, true))
people <- within(people, {
  weight <- as.numeric(wtpannr12)
  workload <- ifelse(rowSums(!is.na(load)) >= 2, rowMeans(load, na.rm = TRUE), NA)
  staff_shortage <- match(toofewwk, c("Never", "Rarely", "Sometimes", "Often"))
  pay_fairness <- match(fairearn, deserve)
  exhaustion <- (match(usedup, c("Never", "Rarely", "Sometimes", "Often", "Very Often")) +
                 match(stress, c("Never", "Hardly Ever", "Sometimes", "Often", "Always"))) / 2
  job_satisfaction <- match(satjob1, satisfied)
  new_job <- ifelse(trynewjb == "", NA, trynewjb != "Not at all Likely")
  hrs1 <- as.numeric(hrs1)
  age <- suppressWarnings(as.numeric(age))
  government <- ifelse(wrkgovt == "", NA, wrkgovt == "Government")
})
design <- svydesign(~vpsu, strata = ~vstrat, weights = ~weight, data = people, nest = TRUE)
for (name in c("workload", "staff_shortage", "pay_fairness", "exhaustion", "job_satisfaction", "hrs1")) {
  value <- svymean(as.formula(paste0("~", name)), design, na.rm = TRUE)
  cat(name, format(c(coef(value), SE(value)), digits = 12), "\n")
}
linear <- svyglm(workload ~ staff_shortage + hrs1 + government, design)
print(summary(linear)$coefficients[, 1:2])
logistic <- svyglm(new_job ~ job_satisfaction + pay_fairness + exhaustion + age, design, family = quasibinomial(),
                   control = glm.control(epsilon = 1e-15, maxit = 100))
print(summary(logistic)$coefficients[, 1:2])
