"""Physical laws: the table of the Feynman equations, their classes, samples of them, scores."""
