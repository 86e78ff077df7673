"""Texts of the admin site: labels, number formats, warnings, sentences about figures."""
