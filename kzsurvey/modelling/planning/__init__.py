"""Planning the next wave: how likely effects of a given size are found, in the survey's own kind of sample."""
