"""Compiled CPU loops. Importing a module of this package imports numba: callers do it inside functions."""
