"""How far a campaign reached: who was written to, what came of it, by step, place and organisation."""
