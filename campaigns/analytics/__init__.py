"""Figures about campaigns: sending status, reach, installs, progress towards goals, open tasks."""

from __future__ import annotations
