"""Agencies' own staff: how many have a smartphone, how many have installed, as each agency hands in day by day."""
