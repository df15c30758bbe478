"""Pictures of digits, asked of the networks that come with the library."""
