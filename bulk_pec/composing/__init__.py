"""Composing: a row of the list becomes a letter. Templates are the operator's; values are never evaluated."""

from bulk_pec.composing.composer import Composer, digest_of
from bulk_pec.composing.files import Files
from bulk_pec.composing.folder import Folder
from bulk_pec.composing.problems import Problem, Uncomposable
from bulk_pec.composing.proofs import Proof, Proofreader
from bulk_pec.composing.templates import Templates

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
