"""Commands: surfaces over the rooms below; they decide nothing."""
