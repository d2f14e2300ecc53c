"""The site: runs as it is, and shows how a project of your own is set up."""

from project.celery import app as celery_app

__all__ = ["celery_app"]
