"""``python -m bulk_pec.sandbox``: prints its address, then serves until it is told to stop."""

from __future__ import annotations

import sys

from bulk_pec.sandbox.arguments import parse
from bulk_pec.sandbox.server import serve


def _announce(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the sandbox; 2 if it cannot listen, as `bulk-pec sandbox`: another port has to be named."""
    try:
        serve(parse(), _announce)
    except OSError as wrong:
        sys.stderr.write(f"The sandbox cannot listen: {wrong.strerror}. Choose another --port, or 0.\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
