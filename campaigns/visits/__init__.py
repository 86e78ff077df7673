"""Rounds of visits: whom nothing has reached yet, on a sheet for the officer who goes from door to door, and what came of it."""
