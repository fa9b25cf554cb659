"""The ledger: what was asked, what was tried, what is known. The only room that knows SQL."""
