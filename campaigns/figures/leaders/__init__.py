"""What leaders read in the morning: how far it is to the goal, whether it will be reached, who has to be pushed."""
