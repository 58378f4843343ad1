"""An OpenAI-compatible endpoint over one runtime: what several clients ask grows in one batch."""
