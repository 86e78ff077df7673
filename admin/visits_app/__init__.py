"""Visits for village officers: a web application that their phones install, and that works without a network."""
