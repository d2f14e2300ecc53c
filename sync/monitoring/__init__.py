"""How delivery does: counters per minute, where all stands, who is alive; verdicts, probes, health, metrics, alerts."""
