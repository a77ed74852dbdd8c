"""Following the files of logs as they grow."""
