"""Why networks have to be larger than the least that could do."""
