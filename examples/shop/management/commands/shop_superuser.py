"""``manage.py shop_superuser``: somebody who may log in to the demo."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Create a superuser whose password is the name, unless the name is there already."""

    help = "Create a superuser whose password is the name. For demonstrations: DEBUG must be on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the argument."""
        parser.add_argument("name")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Create the user.

        Raises:
            CommandError: DEBUG is off.
        """
        if not settings.DEBUG:
            raise CommandError("a password that everybody knows is for DEBUG alone: use createsuperuser")
        users: Any = get_user_model()
        if not users.objects.filter(username=name).exists():
            users.objects.create_superuser(username=name, password=name)
