"""What the caller asks of a list."""

from __future__ import annotations

from dataclasses import dataclass, field

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How to read a list, and what its rows must hold.

    A column is the one of exactly that name, or else the only one that is the same without case, accents,
    blanks and punctuation.

    Attributes:
        address_column: The column with the recipient's address; None: found among the usual names.
        address_preferred: The same, for a list that may lack it: then the column is found.
        address_flag: The command's own option that gave `address_column`, for errors; else a setting did.
        key_column: The column that makes a message unique; None: the address, trimmed and lower-cased.
        encoding: ``auto`` or the name of a text encoding Python knows, for example ``cp1252``.
        separator: ``auto``, one character, or ``tab``.
        own_addresses: The sending addresses: a row that names one of them is invalid.
        required_columns: Columns the templates need; a row with an empty one is invalid.
        subject_columns: Columns that go into the subject; a control character in one makes the row invalid.
        optional_columns: Columns the templates need that may be empty.
        tax_code_column: Holds a codice fiscale or a partita IVA; one that is wrong makes the row invalid.
        expires_at_column: When a row expires; what cannot be read makes the row invalid, empty is never.
        timezone: IANA name of the zone in which dates and times without one are meant.
        allow_multiple: Several addresses in a cell are one message to all of them; otherwise an error.
    """

    address_column: str | None = None
    address_preferred: str | None = None
    address_flag: str = ""
    key_column: str | None = None
    encoding: str = AUTO
    separator: str = AUTO
    own_addresses: frozenset[str] = field(default=frozenset(), repr=False)
    required_columns: frozenset[str] = frozenset()
    subject_columns: frozenset[str] = frozenset()
    optional_columns: frozenset[str] = frozenset()
    tax_code_column: str | None = None
    expires_at_column: str | None = None
    timezone: str = "Europe/Rome"
    allow_multiple: bool = False

    @property
    def needed_columns(self) -> frozenset[str]:
        """Every column that must be in the file, whether or not its cells may be empty."""
        return self.required_columns | self.subject_columns | self.optional_columns
