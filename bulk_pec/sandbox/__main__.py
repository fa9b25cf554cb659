"""``python -m bulk_pec.sandbox``: prints its address, then serves until it is told to stop."""

from __future__ import annotations

import sys

from bulk_pec.sandbox.arguments import parse
from bulk_pec.sandbox.server import serve


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the sandbox; 1 if it cannot listen."""
    try:
        serve(parse(), _announce)
    except OSError as wrong:
        sys.stderr.write(f"The sandbox cannot listen: {wrong.strerror}. Choose another --port, or 0.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
