source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- adjust
printed <- c(0.15, 0.02, 0.29, 0.91, 0.02, 0.04, 0.006, 0.10, 0.39, 0.11)
sapply(c("bonferroni", "holm", "BH"), function(method) p.adjust(printed, method))
# --- end
note("printed", printed)
for (method in c("bonferroni", "holm", "BH")) note(paste0("adjust.", method), p.adjust(printed, method))

# --- interaction
library(survival)
patients <- read.csv("reconstructed_cohort.csv") # reconstructed, not real
patients$responder <- as.numeric(patients$response == "responder")
either <- subset(patients, risk != "")
common <- coxph(Surv(rfs_months, rfs_event) ~ responder + strata(risk), data = either)
high <- coxph(Surv(rfs_months, rfs_event) ~ responder, data = subset(either, risk == "high"))
stop_at_once <- coxph.control(iter.max = 0)
standard <- coxph(Surv(rfs_months, rfs_event) ~ responder, data = subset(either, risk == "standard"),
                  init = -30, control = stop_at_once)
statistic <- 2 * (high$loglik[2] + standard$loglik[1] - common$loglik[2])
pchisq(statistic, df = 1, lower.tail = FALSE)
# --- end
note("interaction.common", c(coef(common), common$loglik[2]))
note("interaction.high", c(coef(high), high$loglik[2]))
note("interaction.p", pchisq(statistic, df = 1, lower.tail = FALSE))

# --- power
power <- function(ratio, events, share) {
  shift <- abs(log(ratio)) * sqrt(events * share * (1 - share))
  pnorm(shift - qnorm(0.975)) + pnorm(-shift - qnorm(0.975))
}
power(c(0.6, 0.4, 0.25), events = 11, share = 25 / 38)
# --- end
note("power", power(c(0.6, 0.4, 0.25), events = 11, share = 25 / 38))

write_answers()
