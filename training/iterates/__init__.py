"""The command iterates: the coefficients of fractional iterates of exp."""
