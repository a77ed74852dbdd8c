"""The run-time part of the configuration: what is changed over the API, beside what the file says."""
