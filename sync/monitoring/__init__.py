"""How delivery does: logs."""
