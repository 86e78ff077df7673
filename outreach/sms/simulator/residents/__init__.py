"""Residents who answer by themselves, and the links they press."""
