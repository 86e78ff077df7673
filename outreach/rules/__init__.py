"""Any cell of a real list to numbers, or to the reason why not. Pure.

Files as organisations keep them to checked rows.
"""

from __future__ import annotations
