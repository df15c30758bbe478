"""A soak: random runs and studies, killed, damaged and crowded, until the time is up."""
