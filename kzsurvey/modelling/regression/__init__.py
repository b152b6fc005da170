"""Regressions: linear and generalised linear, ordinal, mixed; what they share, and how they compare."""
