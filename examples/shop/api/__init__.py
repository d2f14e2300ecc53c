"""The shop's own API: what is read is nested, what is written names ids; ``sync`` is an action of each object."""
