"""Honest shares of codes: machine codes of all answers corrected by a probability sample of human ones."""
