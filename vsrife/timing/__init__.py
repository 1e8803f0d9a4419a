"""Arithmetic on time in exact rationals: moments, timelines, source times. Imports the standard library alone."""
