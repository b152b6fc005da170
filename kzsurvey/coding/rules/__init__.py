"""Rules of the codebook: text folded for matching, patterns, negation, weighted phrases, mentions."""
