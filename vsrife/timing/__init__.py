"""Arithmetic on time in exact rationals: moments, timelines, source times, durations. Imports the standard library."""
