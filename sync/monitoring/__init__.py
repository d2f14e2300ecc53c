"""How delivery does and stands, and who is alive: figures, probes, health, metrics, alerts, logs. Decides nothing."""
