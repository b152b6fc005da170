"""Path models with latent variables: syntax, moments, estimation, fit, groups, resampling."""
