"""How delivery stands, for people and machines: probes, health, metrics, alerts."""
