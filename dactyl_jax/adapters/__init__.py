"""Other libraries' interfaces to the task, one file per library, each an optional dependency."""
