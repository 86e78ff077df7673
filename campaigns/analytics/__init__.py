"""Figures about campaigns: sending status, reach, installs, progress towards goals, open tasks."""
