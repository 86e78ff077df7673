"""What residents said: taken in, understood, counted, and looked at by a person where it must be."""
