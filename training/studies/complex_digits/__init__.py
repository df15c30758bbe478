"""Complex networks against real ones, on digits whose phase is known or not."""
