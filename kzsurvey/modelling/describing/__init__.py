"""What is so: means, shares, quantiles, correlations, comparisons of groups, with design-based errors."""
