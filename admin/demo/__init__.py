"""Demo data: invented people, a half-sent campaign, goals and figures."""
