"""Imports of contact lists, row by row, and of the national do-not-call register (Decree 91/2020)."""
