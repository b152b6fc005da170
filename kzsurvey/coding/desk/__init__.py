"""The coding desk: answers coded by people in the notebook, every action on disk before it counts as done."""

from kzsurvey.coding.desk.opening import desk

__all__ = ["desk"]
