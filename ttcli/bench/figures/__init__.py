"""What runs come to: outcomes problem by problem, and their summaries."""
