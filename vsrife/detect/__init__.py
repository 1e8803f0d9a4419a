"""Detectors of cuts, repeats and stills: stateless functions of two pictures."""
