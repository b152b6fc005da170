"""Scales: scores of several items, how far the items agree, what each adds."""
