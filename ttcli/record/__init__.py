"""Runs as JSON, read back, and as trees built from their events."""
