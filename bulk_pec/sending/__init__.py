"""Sending: claim, pace, intent, POST, outcome; and stopping in good order."""
