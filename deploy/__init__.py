"""How the system is set up and kept running; imports none of the product's own packages."""
