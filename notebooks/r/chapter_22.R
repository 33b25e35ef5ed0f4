source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- landmark
library(survival)
patients <- read.csv("reconstructed_cohort.csv") # reconstructed, not real
from <- subset(patients, os_months >= 5.5)
from$since <- from$os_months - 5.5
survdiff(Surv(since, os_event) ~ response, data = from)
# --- end
for (endpoint in c("rfs", "os")) {
  patients$month <- patients[[paste0(endpoint, "_months")]]
  patients$happened <- patients[[paste0(endpoint, "_event")]]
  for (start in c(0, 1.4, 2.8, 4.1, 5.5)) {
    there <- subset(patients, month >= start)
    p <- survdiff(Surv(month, happened) ~ response, data = there)$pvalue
    curves <- survfit(Surv(month, happened) ~ response, data = there)
    rates <- summary(curves, times = 24, extend = TRUE)
    by_group <- setNames(rates$surv, rates$strata)[c("response=responder", "response=nonresponder")]
    note(paste("landmark", endpoint, start, sep = "."), c(p, by_group))
  }
}

non <- subset(patients, response == "nonresponder")
# --- naive
coxph(Surv(os_months, os_event) ~ hsct, data = non)
# --- end
naive <- coxph(Surv(os_months, os_event) ~ hsct, data = non)
note("naive.p", survdiff(Surv(os_months, os_event) ~ hsct, data = non)$pvalue)
note("naive.coef", coef(naive))

# --- timevarying
rows <- tmerge(non, non, id = patient, died = event(os_months, os_event))
rows <- tmerge(rows, non, id = patient, after = tdc(hsct_months))
coxph(Surv(tstart, tstop, died) ~ after, data = rows)
# --- end
fit <- coxph(Surv(tstart, tstop, died) ~ after, data = rows)
note("timevarying.rows", nrow(rows))
note("timevarying.coef", coef(fit))
note("timevarying.se", sqrt(vcov(fit)[1, 1]))
rows <- tmerge(non, non, id = patient, relapsed = event(rfs_months, rfs_event))
rows <- tmerge(rows, non, id = patient, after = tdc(hsct_months))
fit <- coxph(Surv(tstart, tstop, relapsed) ~ after, data = rows)
note("timevarying.rfs.coef", coef(fit))
note("timevarying.rfs.se", sqrt(vcov(fit)[1, 1]))

write_answers()
