"""The command benchmark: speed and memory, against others."""
