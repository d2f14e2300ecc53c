"""How delivery does: counters per minute, where everything stands now, and who is alive. Reads, and decides nothing."""
