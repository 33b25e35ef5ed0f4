source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- logrank
library(survival)
patients <- read.csv("reconstructed_cohort.csv") # reconstructed, not real
twelve <- subset(patients, response == "nonresponder" & rfs_months >= 4.1)
survdiff(Surv(rfs_months, rfs_event) ~ hsct, data = twelve)
# --- end
test <- survdiff(Surv(rfs_months, rfs_event) ~ hsct, data = twelve)
note("logrank.observed", test$obs)
note("logrank.expected", test$exp)
note("logrank.variance", test$var[1, 1])
note("logrank.p", test$pvalue)

# --- permutation
chisq <- function(group) survdiff(Surv(rfs_months, rfs_event) ~ group, data = twelve)$chisq
deals <- combn(12, 5, function(chosen) chisq(seq_len(12) %in% chosen))
mean(deals >= chisq(twelve$hsct) - 1e-9)
# --- end
note("permutation.ways", length(deals))
note("permutation.p", mean(deals >= chisq(twelve$hsct) - 1e-9))

# --- weights
survdiff(Surv(rfs_months, rfs_event) ~ hsct, data = twelve, rho = 1)
# --- end
note("weights.rho1", survdiff(Surv(rfs_months, rfs_event) ~ hsct, data = twelve, rho = 1)$pvalue)

# --- crossing
time <- c(2, 3, 4, 5, 6, 24, 24, 24, 10, 12, 14, 16, 18, 20, 22, 24)
event <- c(1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0)
arm <- rep(c(0, 1), each = 8)
survdiff(Surv(time, event) ~ arm)
# --- end
note("crossing.p", survdiff(Surv(time, event) ~ arm)$pvalue)
note("crossing.rho1", survdiff(Surv(time, event) ~ arm, rho = 1)$pvalue)

write_answers()
