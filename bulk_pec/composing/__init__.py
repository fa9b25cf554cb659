"""Composing: a row of the list becomes a letter. Templates are the operator's; values are never evaluated."""

from bulk_pec.composing.composer import Composer, digest_of
from bulk_pec.composing.files import Files
from bulk_pec.composing.folder import Folder
from bulk_pec.composing.problems import Uncomposable
from bulk_pec.composing.proofs import Proof, Proofreader
from bulk_pec.composing.templates import Templates
from bulk_pec.domain.problems import Problem

__all__ = [
    "Composer",
    "Files",
    "Folder",
    "Problem",
    "Proof",
    "Proofreader",
    "Templates",
    "Uncomposable",
    "digest_of",
]
