"""How each kind of figure is drawn: one module per kind of picture, one for its style, its labels and its axes."""
