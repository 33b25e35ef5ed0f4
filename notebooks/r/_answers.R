# Shared by the scripts of this folder: they read the data from its own folder, and write a file of answers.
#
#     Rscript notebooks/r/chapter_20.R [FOLDER]      writes FOLDER/chapter_20.csv

script <- normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
root <- dirname(dirname(dirname(script)))
folder <- normalizePath(c(commandArgs(trailingOnly = TRUE), file.path(root, "tests", "oracles"))[1])
setwd(file.path(root, "data"))

answers <- list()
note <- function(quantity, value) {
  value <- unname(value)
  if (length(value) > 1) quantity <- paste0(quantity, ".", seq_along(value))
  answers[[length(answers) + 1]] <<- data.frame(quantity = quantity, value = value)
}

write_answers <- function() {
  table <- do.call(rbind, answers)
  table$value <- sprintf("%.17g", table$value)
  name <- sub("[.]R$", ".csv", basename(script))
  write.csv(table, file.path(folder, name), row.names = FALSE, quote = FALSE)
}
