"""The experiments of Snell et al. (2024) on the laboratory's models; `benchmarks/paper.py` runs and tells them."""
