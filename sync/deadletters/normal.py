"""What two complaints of one kind have in common: the words without the values. Pure."""

from __future__ import annotations

import re

LONGEST = 1000
"""So many characters are looked at."""

QUOTED = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    r"|“[^”]*”|‘[^’]*’|«[^»]*»|`[^`]*`"
    r"|(?<![\w#])'(?:[^']|'(?=[\w#]))*'(?![\w#])"  # an apostrophe within a word opens nothing
)
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
UUID = re.compile(r"(?<!\w)[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?!\w)")
HEX = re.compile(r"(?<!\w)[0-9a-fA-F]{16,}(?!\w)")
KEY = re.compile(r"(?<!\w)[a-z]{1,8}_(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9]{10,}(?!\w)")
"""Ids such as ``cus_NffrFeUfNVHibq``, where chance has drawn no digit."""

MONTHS = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DAYS = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
DATE = re.compile(
    rf"(?<!\w){DAYS}(?:\d{{1,2}}(?:st|nd|rd|th)?[ -]{MONTHS}\.?,?|{MONTHS}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?)"
    r"(?:[ -]\d{2,4})?(?!\w)"
)
NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?<!\w)\w*\d\w*(?:[.,:/+\-]\w*\d\w*)*")
"""A word with a digit in it, with its sign, and what hangs on to it: amounts, times, paths of numbers."""

SEVERAL = re.compile(r"#(?:[\s,;]*(?:#|(?:AM|PM|GMT|UTC)(?!\w)))+")
SEVERAL_QUOTED = re.compile(r"…(?:[\s,;]*…)+")


def without_values(text: str) -> str:
    """Return a complaint without what differs from object to object.

    Numbers, dates and ids are ``#``, what is quoted is ``…``. Applied again, it changes nothing more. Of a longer text
    only the first thousand characters are looked at.
    """
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text[:LONGEST]).split())
    text = SEVERAL_QUOTED.sub("…", QUOTED.sub("…", text))
    for values in (EMAIL, UUID, DATE, NUMBER, KEY, HEX):
        text = values.sub("#", text)
    return SEVERAL.sub("#", text)
