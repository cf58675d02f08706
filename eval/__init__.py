"""Judges models: music, pedalboard chains, rows to compare, and eval/results/*.json with a table."""
