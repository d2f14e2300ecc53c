"""Template tags for the user's own pages."""
