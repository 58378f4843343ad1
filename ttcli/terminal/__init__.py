"""The only rooms that know rich: trees, lines, tables and bars on a terminal."""
