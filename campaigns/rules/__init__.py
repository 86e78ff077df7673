"""Pure rules of campaigns: states, budget, audience, drafts, delivery, goals, progress."""
