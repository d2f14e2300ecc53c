"""How delivery stands and does, for people and machines: probes, health, metrics, figures. Decides nothing."""
