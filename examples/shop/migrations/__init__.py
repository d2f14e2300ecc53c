"""The example shop's migrations."""
