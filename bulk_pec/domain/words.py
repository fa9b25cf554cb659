"""Figures in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 night`, `1,200 nights`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
