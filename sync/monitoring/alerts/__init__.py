"""Alerts: rules see, incidents begin and end, and each is told of once and once more when it is over."""

from sync.monitoring.alerts.evaluate import Evaluation, evaluate, prune
from sync.monitoring.alerts.notices import Delivered, deliver, send_test
from sync.monitoring.alerts.rules import SHIPPED, Rule, rules

__all__ = ["SHIPPED", "Delivered", "Evaluation", "Rule", "deliver", "evaluate", "prune", "rules", "send_test"]
