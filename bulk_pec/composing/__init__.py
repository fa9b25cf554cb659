"""Composing: a row of the list becomes a letter. Templates are the operator's; values are never evaluated."""

from bulk_pec.composing.templates import Composer, Templates, Uncomposable

__all__ = ["Composer", "Templates", "Uncomposable"]
