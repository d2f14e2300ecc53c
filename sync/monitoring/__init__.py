"""How delivery does: counters per minute, where all stands now, who is alive; verdicts, probes, health, metrics, alerts."""
