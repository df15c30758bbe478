"""Contenders that do nothing."""

from training.benchmark.frameworks import Contender


def counting(name: str, amount: int, log: list[str]) -> Contender:
    """A contender that only says when it runs."""
    return Contender(name, amount, lambda: lambda epochs: log.append((name, epochs)))
