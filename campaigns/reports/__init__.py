"""The daily report: a snapshot of figures and sources at a set hour, its documents, and what happens to them.

What is issued: frozen, built, kept as bytes, shown by links.

The mail about a report: to those who are late, to the officers, to whom the report is for.

The figures of one day as data, and how they are counted.
"""

from __future__ import annotations
