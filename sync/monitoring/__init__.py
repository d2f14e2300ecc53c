"""How delivery does: counters per minute, where everything stands now, who is alive, and logs. It decides nothing."""
