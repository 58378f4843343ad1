"""What lies on disk, and how it is written safely."""
