"""Composing: a row of the list becomes a letter. Templates are the operator's; values are never evaluated.

| file | responsibility |
|---|---|
| templates.py, press.py | the texts; jinja2's sandbox, in which a letter depends on nothing but its row |
| columns.py | which columns a template uses, and which of them may not be empty |
| composer.py, proofs.py | a row becomes a letter; every row checked as one before any is sent |
| problems.py | why a letter cannot be made |
| enclosures.py, paths.py | which files a letter encloses; what their paths may say |
| folder.py, files.py, media.py | opened inside one folder; digests and base64; what a file is by its bytes |
| sizes.py | how large a message is as a mail, and may be |
| preview.py, pages.py | one letter as its recipient would see it; pages that load nothing |
"""

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
