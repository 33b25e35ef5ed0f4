"""The commands, one module each: its arguments, and what it does with them.

`run` takes the parsed arguments and returns an exit code; it raises InputError for bad input. Heavy
modules are imported where they are used, so that help and complaints come at once.
"""

DONE, NOT_MET, BAD_INPUT, INTERRUPTED, READER_LEFT = 0, 1, 2, 130, 141
"""Exit codes; a shell expects the last two of a process that Ctrl-C or a closed pipe ended."""
