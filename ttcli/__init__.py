"""Spend test-time compute well with small local GGUF models (after Snell et al. 2024, arXiv 2408.03314)."""

__version__ = "0.1.0"
