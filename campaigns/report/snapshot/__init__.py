"""The figures of one day as data, and how they are counted."""
