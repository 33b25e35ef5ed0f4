# What R's survival package makes of the cohorts in cohorts.csv, for tests/test_estimators.py.
#
#     Rscript tests/oracles/estimators.R [FOLDER]      writes FOLDER/estimators.csv
#
# One row per number: cohort, group (empty: all groups together), quantity, at (a time, a
# group code, or empty), value with 17 significant digits. Inf is a median not reached, NaN
# what is not defined: the error of a survival of 0, a test without any event, a table with
# an empty row or column.

suppressPackageStartupMessages(library(survival))

script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
here <- dirname(normalizePath(script))
folder <- c(commandArgs(trailingOnly = TRUE), here)[1]
cohorts <- read.csv(file.path(here, "cohorts.csv"))

rows <- list()
note <- function(cohort, group, quantity, at, value) {
  rows[[length(rows) + 1]] <<- data.frame(
    cohort = cohort, group = group, quantity = quantity, at = at, value = value
  )
}

median_of <- function(time, event) {
  value <- unname(summary(survfit(Surv(time, event) ~ 1))$table["median"])
  if (is.na(value)) Inf else value
}

note_medians <- function(id, group, patients) {
  note(id, group, "median", "", median_of(patients$time, patients$event))
  note(id, group, "reverse_median", "", median_of(patients$time, 1 - patients$event))
}

# rho = 0 is the log-rank test, rho = 1 weights by the Kaplan-Meier estimate just before t.
note_test <- function(id, patients, rho) {
  # without any event R warns of a P value with -1 degrees of freedom
  test <- suppressWarnings(survdiff(Surv(time, event) ~ group, data = patients, rho = rho))
  name <- paste0("rho", rho)
  groups <- sort(unique(patients$group))
  note(id, "", paste0(name, "_chisq"), "", test$chisq)
  note(id, "", paste0(name, "_p"), "", test$pvalue)
  note(id, "", paste0(name, "_observed"), groups, test$obs)
  note(id, "", paste0(name, "_expected"), groups, test$exp)
}

for (id in unique(cohorts$cohort)) {
  patients <- cohorts[cohorts$cohort == id, ]
  curve <- summary(survfit(Surv(time, event) ~ 1, data = patients), censored = TRUE)
  note(id, "", "survival", curve$time, curve$surv)
  note(id, "", "std_error", curve$time, curve$std.err)
  note(id, "", "restricted_mean", max(patients$time),
       unname(summary(survfit(Surv(time, event) ~ 1, data = patients),
                      rmean = max(patients$time))$table["rmean"]))
  note_medians(id, "", patients)
  for (group in sort(unique(patients$group)))
    note_medians(id, group, patients[patients$group == group, ])
  note_test(id, patients, 0)
  note_test(id, patients, 1)
  # events by group 0 against the rest, as a 2 x 2 table
  table <- table(factor(patients$group == 0, c(TRUE, FALSE)), factor(patients$event, 0:1))
  note(id, "", "fisher", "", fisher.test(table)$p.value)
  for (correct in c(FALSE, TRUE)) {
    test <- suppressWarnings(chisq.test(table, correct = correct))
    note(id, "", if (correct) "yates" else "pearson", "", test$p.value)
  }
}

answers <- do.call(rbind, rows)
answers$value <- sprintf("%.17g", answers$value)
write.csv(answers, file.path(folder, "estimators.csv"), row.names = FALSE, quote = FALSE)
