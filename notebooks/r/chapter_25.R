source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "_answers.R"))

# --- reach
reach <- 1
for (m in 1:6) reach <- c(reach, reach * (m - 1) / m)
sort(unique(round(100 * reach, 6)))
# --- end
note("reach", sort(unique(round(100 * reach, 6))))

# --- fisher
fisher.test(matrix(c(12, 8, 6, 14), 2, byrow = TRUE))$p.value
# --- end
note("fisher", fisher.test(matrix(c(12, 8, 6, 14), 2, byrow = TRUE))$p.value)
plain <- chisq.test(matrix(c(12, 8, 6, 14), 2, byrow = TRUE), correct = FALSE)
note("chi_squared", plain$p.value)

write_answers()
