"""Tokens by which other systems come in: made and ended by administrators, each for one organisation and named rights."""

from __future__ import annotations
