"""Where things stand: figures that can be traced to rows.

What leaders read in the morning: how far it is to the goal, whether it will be reached, who has to be pushed.

How far a campaign reached: who was written to, what came of it, by step, place and organisation.
"""

from __future__ import annotations
