"""Servers and processes for tests, each started, frozen, killed and stopped by the test that needs it."""
