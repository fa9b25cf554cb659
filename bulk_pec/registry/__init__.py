"""The mailbox's life: what is registered, how it is watched, and who calls back.

| file | responsibility |
|---|---|
| application.py | an application as a file; its faults, its warnings, and what of it is sent |
| fields.py | the vendor's fields and lists of codes |
| rules.py, values.py, callbacks.py | what each field must be: with others, by itself, in the callback |
| oddities.py, persons.py | what is only suspicious; what a tax code says of its person |
| faults.py | what is wrong with a field, as a value |
| provinces.py, nations.py | codes of places |
| desks.py | which registry it is: live, for tests, or a rehearsal's |
| papers.py | the PDF of an activation |
| files.py | either of them, read from its file |
| waiting.py | the registry asked until a mailbox's state no longer changes by waiting |
| listener.py, hints.py, rereading.py | who calls back; what it may mean; what is true of it |
| tokens.py | what an API token says of itself |
| days.py | the day on which a mailbox expires, in Italy |
"""
