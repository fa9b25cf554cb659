"""Receipts: reading the inbox, knowing what each mail is, settling what is in doubt."""
