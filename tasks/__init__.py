"""The Celery tasks of django-crudsync: thin, their names permanent."""
