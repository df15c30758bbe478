"""The best that networks of the zoo do, beside the best that is reported of dense networks."""
