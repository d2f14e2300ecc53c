"""For tests that are Django test cases: what the pytest plugin gives by fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sync.models import Operation
from sync.testing import assertions
from sync.testing.delivery import Delivered, deliver
from sync.testing.remote import Remote
from sync.testing.sandbox import SandboxServer
from sync.testing.surroundings import captured, redirected

if TYPE_CHECKING:
    from django.test import SimpleTestCase

    _Base = SimpleTestCase
else:
    _Base = object


class SyncTestMixin(_Base):
    """Put it before ``TestCase`` or ``TransactionTestCase``: what the test writes is captured.

    With ``use_sandbox`` a sandbox remote runs for each test, every registered integrator's calls go there, and
    ``self.sandbox`` is its side door.
    """

    use_sandbox: ClassVar[bool] = True
    sandbox_options: ClassVar[Mapping[str, Any]] = {}
    sandbox: Remote

    def setUp(self) -> None:
        """Start the sandbox, and capture from here on; rows of ``setUpTestData`` are not captured by this."""
        super().setUp()
        self.enterContext(captured())
        if self.use_sandbox:
            server = self.enterContext(SandboxServer(**self.sandbox_options))
            self.enterContext(redirected(server.url))
            self.sandbox = Remote(server.url)

    def deliver(self, *, retries: int = 0, timeout_s: float = 10.0) -> Delivered:
        """Send what is due until nothing moves; see ``sync.testing.deliver``."""
        return deliver(retries=retries, timeout_s=timeout_s)

    def assert_sent(self, what: Any, object_id: object = None, **wanted: Any) -> list[Operation]:
        """Fail unless an object was sent; see ``sync.testing.assert_sent``."""
        return assertions.assert_sent(what, object_id, **wanted)

    def assert_not_sent(self, what: Any, object_id: object = None, **wanted: Any) -> None:
        """Fail if an object was sent; see ``sync.testing.assert_not_sent``."""
        assertions.assert_not_sent(what, object_id, **wanted)
