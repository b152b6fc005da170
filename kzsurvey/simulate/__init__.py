"""Simulated interviews with known truth, written down as field teams would deliver them."""

from kzsurvey.simulate.declaration import read_plan
from kzsurvey.simulate.delivery import simulate
from kzsurvey.simulate.population import population_parameters
from kzsurvey.simulate.truth import Truth, draw_truth

__all__ = ["Truth", "draw_truth", "population_parameters", "read_plan", "simulate"]
