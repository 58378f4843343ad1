"""Solutions from a GGUF model in this process."""
