"""What a user gets of a run: a page, pictures, rows."""
