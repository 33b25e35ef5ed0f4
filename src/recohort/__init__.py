"""Reconstruct patients from the numbers that a clinical paper prints."""

__version__ = "0.1.0"
