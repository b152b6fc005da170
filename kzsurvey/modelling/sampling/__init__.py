"""How a sample was drawn: designs, weights, calibration, replicate weights, one variance for every estimator."""
