"""Models by name: described by one TOML each, fetched from their sources, verified by SHA-256."""
