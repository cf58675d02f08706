"""Recipes that train and judge models: one file a recipe, all of them on lightning."""

from reprs import _cpu_torch

_cpu_torch.prepare()  # here, because every import of a recipe passes through this file before lightning
