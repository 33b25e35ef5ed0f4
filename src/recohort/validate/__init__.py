"""Blind validation: reconstruct patients who are known from what a paper would print of them."""
