"""`python -m shakti`: the same as the command `shakti`."""

from __future__ import annotations

from shakti.cli import main

if __name__ == "__main__":
    main()
