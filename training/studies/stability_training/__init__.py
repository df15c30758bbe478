"""Steps that train for stability, and what they do to the norms of a network."""
