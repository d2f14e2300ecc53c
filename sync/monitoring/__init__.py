"""How delivery does: counters per minute, where all stands now, who is alive; probes, health, metrics, alerts."""
