"""A small shop whose rows follow to a remote: the demo's and the tests' application."""
