"""Who does the work of a run: problems interleaved in an engine, samples used by every method."""
