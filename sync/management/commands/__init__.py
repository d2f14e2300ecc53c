"""``manage.py crudsync_…``."""
