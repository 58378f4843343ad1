"""How hard a problem is, which way of spending suits it, and how much of a shared budget it gets."""
