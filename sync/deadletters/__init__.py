"""Dead letters: what cannot be sent, grouped by its cause; replayed, ignored, and closed by a success."""

from sync.deadletters.adopt import adopt
from sync.deadletters.causes import prune, record
from sync.deadletters.choose import letters
from sync.deadletters.doubt import end_doubt
from sync.deadletters.groups import COUNTED, Group, counted, groups
from sync.deadletters.ignore import ignore, unignore
from sync.deadletters.replay import Replayed, replay
from sync.deadletters.trouble import Trouble

__all__ = [
    "COUNTED",
    "Group",
    "Replayed",
    "Trouble",
    "adopt",
    "counted",
    "end_doubt",
    "groups",
    "ignore",
    "letters",
    "prune",
    "record",
    "replay",
    "unignore",
]
