"""Physical laws to be found: their table, their classes, samples, and how a fit is scored."""
