"""Whether weights repel as random matrices do, while they learn."""
