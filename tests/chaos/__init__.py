"""Prove it: real processes, a seeded schedule of faults, and an oracle that believes rows and the remote alone."""
