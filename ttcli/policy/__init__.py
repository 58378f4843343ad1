"""Where solutions come from: a GGUF here, or a script for tests."""
