"""What searches found: ground for all, with nothing but names and numbers."""
