"""bulk-pec: very large certified mailings (PEC), sent at most once, nothing lost, everything proved."""

__version__ = "0.1.0"
