"""Goals and denominators of campaigns, and official figures."""
