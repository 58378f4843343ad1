"""How much to spend, and when to stop."""
