"""Clients of protocols."""
