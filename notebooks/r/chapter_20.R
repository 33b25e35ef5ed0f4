source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- curve
library(survival)
patients <- read.csv("reconstructed_cohort.csv") # reconstructed, not real
seven <- subset(patients, risk == "high" & response == "responder")
curve <- survfit(Surv(rfs_months, rfs_event) ~ 1, data = seven)
summary(curve)
# --- end
steps <- summary(curve)
note("curve.time", steps$time)
note("curve.at_risk", steps$n.risk)
note("curve.survival", steps$surv)

# --- median
ino <- subset(patients, prior_ino == 1 & response == "responder")
survfit(Surv(rfs_months, rfs_event) ~ 1, data = ino)
# --- end
fit <- survfit(Surv(rfs_months, rfs_event) ~ 1, data = ino)
note("median.prior_ino", summary(fit)$table["median"])

# --- followup
survfit(Surv(os_months, 1 - os_event) ~ 1, data = patients)
# --- end
fit <- survfit(Surv(os_months, 1 - os_event) ~ 1, data = patients)
note("followup.median", summary(fit)$table["median"])

# --- few
safe <- subset(patients, risk == "standard" & response == "responder")
binom.test(0, nrow(safe))$conf.int
# --- end
note("few.upper", binom.test(0, nrow(safe))$conf.int[2])

write_answers()
