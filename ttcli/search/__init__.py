"""Ways to spend a budget on a problem: one algorithm per file, each a generator of events."""
