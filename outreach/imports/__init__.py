"""Checked rows to the directory.

The national register of numbers that want no advertising (DoNotCall, Decree 91/2020).
"""

from __future__ import annotations
