"""Who may do what: each action names its permissions, and an action that names none is nobody's."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission, DjangoModelPermissions

from sync.api.refusals import Missing
from sync.monitoring.permissions import REVEAL


class ByAction(BasePermission):
    """Looks an action up in its view's ``needs``: action → permissions, all of which the user must have."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Return whether the user may do this.

        Raises:
            NotAuthenticated: nobody is signed in.
            Missing: the user lacks a permission.
        """
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        action = view.action
        if action in (None, "metadata"):  # a method that the address does not have: the view says so
            return True
        needs: tuple[str, ...] | None = view.needs.get(action)
        if needs is None:
            return False
        if not request.user.has_perms(needs):
            raise Missing(*needs)
        return True


class ModelPermissions(DjangoModelPermissions):
    """Django's model permissions, for reading too: ``view_…``, ``add_…``, ``change_…``, ``delete_…``.

    ``sync`` of ``SyncViewSetMixin`` needs ``change_…``: whoever may save an object can have it sent.
    """

    perms_map = {
        **DjangoModelPermissions.perms_map,
        **{method: ["%(app_label)s.view_%(model_name)s"] for method in SAFE_METHODS},
    }

    def has_permission(self, request: Any, view: Any) -> bool:
        """Return whether the user may do this.

        Raises:
            NotAuthenticated: nobody is signed in.
            Missing: the user lacks a permission.
        """
        if not (request.user and request.user.is_authenticated):
            raise NotAuthenticated
        method = "PATCH" if getattr(view, "action", None) == "sync" else request.method
        needs = self.get_required_permissions(method, self._queryset(view).model)
        if not request.user.has_perms(needs):
            raise Missing(*needs)
        return True


def reveals(request: HttpRequest | Any) -> bool:
    """Return whether payloads and answers may be told to the user of a request."""
    return bool(request is not None and request.user.has_perm(REVEAL))
