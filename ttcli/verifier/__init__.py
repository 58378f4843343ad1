"""Who says how good a solution is: one score in [0, 1] per step so far."""
