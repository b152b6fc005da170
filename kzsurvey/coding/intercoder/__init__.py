"""How far coders agree: coefficients with intervals, for single codes, sets of codes and spans."""
