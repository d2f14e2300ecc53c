"""What the README claims, runnable."""
