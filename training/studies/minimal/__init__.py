"""How few numbers recognise pictures: what a search found, trained with new seeds."""
