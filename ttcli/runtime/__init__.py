"""From settings to a run: what the commands call."""
