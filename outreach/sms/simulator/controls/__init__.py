"""What makes the simulator misbehave and lets its residents answer by themselves."""
