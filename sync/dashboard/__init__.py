"""The dashboard: one page for people and wall screens, live without a reload. It shows ``sync.monitoring``."""
