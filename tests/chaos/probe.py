"""Once nothing is broken any more: healthy rows among poison have to arrive as if it were not there."""

from __future__ import annotations

import time

from tests.chaos.world import World

HEALTHY = 60
WITHIN_S = 30.0
"""Three workers die of the poison meanwhile, with leases of 2.5 seconds, and a supervisor of pools starts them anew."""


def healthy_beside_poison(world: World, seed: int) -> list[str]:
    """Save healthy customers with one of each poison among them, and return who has not arrived in time.

    Args:
        world: whose workers are started anew where they die of it.
        seed: of the run; part of all names.
    """
    from examples.shop.models import Customer
    from sync import capture
    from sync.models import Binding, State
    from tests.chaos.remotes import KILLS, RAISES

    capture.install()
    with capture.enabled():
        for number in range(HEALTHY):
            name = f"p{seed}-{number}"
            prefix = {HEALTHY // 3: f"{RAISES} ", HEALTHY // 2: f"{KILLS} "}.get(number, "")
            Customer.objects.create(email=f"{name}@shop.test", name=f"{prefix}{name}")
    healthy = Customer.objects.filter(name__startswith=f"p{seed}-")
    ids = {str(pk) for pk in healthy.values_list("pk", flat=True)}
    arrived = Binding.objects.filter(object_type="customer", state=State.SYNCED, object_id__in=ids)
    began = time.monotonic()
    while (late := ids - set(arrived.values_list("object_id", flat=True))) and time.monotonic() - began < WITHIN_S:
        world.supervise()
        time.sleep(0.1)
    return [f"customer {pk} had not arrived {WITHIN_S:g} s after it was saved beside poison" for pk in sorted(late)]
