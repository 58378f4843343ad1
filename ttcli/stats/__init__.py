"""How sure a figure is: intervals, tests, votes over subsets, shrinkage, fits. numpy, scipy and scikit-learn only."""
