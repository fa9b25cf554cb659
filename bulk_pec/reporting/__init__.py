"""Reporting: what a run came to, for people and for programs.

| file | responsibility |
|---|---|
| status.py, ending.py | where a run stands; the exit code, and the line that says why |
| export.py | one line for every input row |
| replacing.py | what may be written over, and what not |
| account.py, explanation.py, outlook.py | one message: all that is known, in words, and what comes next |
| proving.py, notices.py | what is proved of it; which notice of non-delivery is final |
| timeline.py, phrases.py, moments.py | what happened, in order; words for every value; times |
| dossier.py, reprint.py | one message's evidence, or a run's, into one file; the letter made again |
| dossier_page.py, dossier_texts.py | its pages; what it says of itself |
| dossier_zip.py, manifests.py, dossier_check.py | its form; its list of files; whether each byte is so |
| placing.py | a new file in its place, whole or not at all |
"""
