"""Areas by their official codes: the nation's units of before and after 1/7/2025, and the gazetteer."""
