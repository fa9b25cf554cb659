"""The pure core: states, outcomes, receipts, references, errors. It knows no I/O and no clock."""
