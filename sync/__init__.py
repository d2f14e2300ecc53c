"""Save a Django model; the remote API follows."""
