"""How delivery does: counters per minute, where everything stands now, who is alive; probes, health, metrics, alerts."""
