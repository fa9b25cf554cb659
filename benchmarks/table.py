"""What a benchmark found: figures, and ratios with their targets; as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured median.

    Attributes:
        what: In words.
        value: The median.
        unit: For example ``messages/s``.
    """

    what: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two medians of one run, divided.

    Attributes:
        what: In words, "this / that".
        value: The quotient.
        target: What it is to reach; None: it is told for comparison.
        at_least: Whether more is better.
    """

    what: str
    value: float
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass(slots=True)
class Findings:
    """All that one benchmark found."""

    benchmark: str
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def figure(self, what: str, value: float, unit: str) -> None:
        """Add a figure."""
        self.figures.append(Figure(what, value, unit))

    def ratio(self, what: str, value: float, target: float | None = None, *, at_least: bool = False) -> None:
        """Add a ratio."""
        self.ratios.append(Ratio(what, value, target, at_least))

    def text(self) -> str:
        """For people."""
        lines = [f"\n== {self.benchmark}"]
        lines += [f"  {one.what:<70} {_number(one.value):>12} {one.unit}" for one in self.figures]
        lines += [f"  {one.what:<70} {one.value:>12.2f} {_verdict(one)}" for one in self.ratios]
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """For scripts."""
        ratios = [{**asdict(one), "met": one.met} for one in self.ratios]
        return {
            "benchmark": self.benchmark,
            "figures": [asdict(one) for one in self.figures],
            "ratios": ratios,
        }


def facts_text(facts: dict[str, str]) -> str:
    """The machine, a fact a line."""
    return "\n".join(f"{name:<12} {value}" for name, value in facts.items())


def missed(all_findings: Iterable[Findings]) -> list[Ratio]:
    """The ratios that did not reach their targets."""
    return [ratio for findings in all_findings for ratio in findings.ratios if ratio.met is False]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"


def _verdict(ratio: Ratio) -> str:
    if ratio.target is None:
        return ""
    sign = ">=" if ratio.at_least else "<="
    return f"target {sign} {ratio.target:g}: {'met' if ratio.met else 'MISSED'}"
