"""Solutions from an OpenAI-compatible server."""
