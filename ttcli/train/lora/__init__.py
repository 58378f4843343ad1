"""Low-rank adapters on a model's own weights: a reviser, and a process reward model."""
