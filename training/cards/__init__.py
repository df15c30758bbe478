"""What is measured of the networks that are published, and the pages that show it."""
