"""``python -m sync.testing.sandbox``."""

from __future__ import annotations

import sys

from sync.testing.sandbox.commandline import main

if __name__ == "__main__":
    sys.exit(main())
