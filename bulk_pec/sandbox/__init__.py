"""A simulated provider: a real HTTP server on localhost, for the demo, tests and rehearsals.

It shares no code with the client, so that a mistake cannot hide on both sides. See docs/sandbox.md.
"""
