"""Judges models: reads music, renders pedalboard chains, compares rows, writes eval/results/*.json and a table."""
