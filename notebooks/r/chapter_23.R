source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- limits
library(survival)
patients <- read.csv("reconstructed_cohort.csv") # reconstructed, not real
non <- subset(patients, response == "nonresponder")
limits <- function(kind) summary(survfit(Surv(rfs_months, rfs_event) ~ 1, data = non, conf.type = kind), times = 24)
limits("plain")
limits("log-log")
# --- end
for (kind in c("plain", "log-log")) note(paste0("limits.", kind), c(limits(kind)$lower, limits(kind)$upper))
note("limits.error", limits("plain")$std.err)

# --- exact
binom.test(7, 13)$conf.int
# --- end
note("exact", binom.test(7, 13)$conf.int)

# --- rmst
by_response <- survfit(Surv(rfs_months, rfs_event) ~ response, data = patients)
summary(by_response, rmean = 24)$table[, c("rmean", "se(rmean)")]
# --- end
means <- summary(by_response, rmean = 24)$table
note("rmst.mean", means[c("response=responder", "response=nonresponder"), "rmean"])
note("rmst.error", means[c("response=responder", "response=nonresponder"), "se(rmean)"])

# --- cox
patients$responder <- as.numeric(patients$response == "responder")
fit <- coxph(Surv(rfs_months, rfs_event) ~ responder, data = patients)
summary(fit)
# --- end
note("cox.coef", coef(fit))
note("cox.error", sqrt(vcov(fit)[1, 1]))
note("cox.loglik", fit$loglik)

# --- separation
standard <- subset(patients, risk == "standard")
at_beta <- function(beta) {
  stop_at_once <- coxph.control(iter.max = 0)
  coxph(Surv(rfs_months, rfs_event) ~ responder, data = standard, init = beta, control = stop_at_once)$loglik[1]
}
sapply(c(0, -1, -2, -4, -8), at_beta)
# --- end
note("separation.loglik", sapply(c(0, -1, -2, -4, -8), at_beta))

# --- median
survfit(Surv(rfs_months, rfs_event) ~ 1, data = non, conf.type = "log-log")
# --- end
fit <- survfit(Surv(rfs_months, rfs_event) ~ 1, data = non, conf.type = "log-log")
note("median.low", summary(fit)$table["0.95LCL"])

write_answers()
