"""Pictures of the pages in docs/ideas."""
