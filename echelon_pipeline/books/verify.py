"""Compares Polymarket ladders with the hashes that the venue sends, and rechecks a mismatch.

Belongs here: expected hashes and results. ``hashes.py`` makes the hashed bytes; ``validity.py`` acts on the results.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.hashes import book_hash, hash_input
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.books.rows import Check

# If no hash of an asset ever matched, its facts (or the formula) are wrong, not its book: three misses decide.
MISSES_OF_WRONG_FACTS = 3


class Claim(msgspec.Struct):
    """The hashes that a venue time has for one ladder: any of them may be the final one."""

    at: int
    hashes: set[str]


class Verifier:
    """The facts of one instrument and the hashes of its frames. Results go to ``checks``."""

    __slots__ = ("_checks", "_claims", "_misses", "_name", "facts", "hits", "misses", "tokens", "unchecked")

    def __init__(self, instrument_id: str, tokens: tuple[str, ...], facts: Facts, checks: list[Check]) -> None:
        self.tokens, self.facts = tokens, facts
        self._name, self._checks = instrument_id, checks
        self.hits = self.misses = self.unchecked = 0
        self._claims: dict[int, Claim] = {}
        self._misses: dict[int, tuple[tuple[str, str], set[str], Check]] = {}

    def update_facts(self, facts: Facts) -> None:
        """Takes over the facts that are not None."""
        known = {name: value for name, value in msgspec.structs.asdict(facts).items() if value is not None}
        if not known:
            return
        old, self.facts = self.facts, replace(self.facts, **known)
        changed = replace(old, last_trade_price=None) != replace(self.facts, last_trade_price=None)
        if changed and not self.hits:
            self.misses = 0  # hashes may match with the new facts

    def claim(self, outcome: int, at: int, digest: str) -> None:
        """Remembers the hash of a frame; a later venue time replaces an earlier one, both cover the whole ladder."""
        claim = self._claims.get(outcome)
        if claim is None or claim.at != at:
            self._claims[outcome] = Claim(at, {digest})
        else:
            claim.hashes.add(digest)

    def ladder_replaced(self, outcome: int) -> None:
        """Discards the hashes and misses of a ladder that was replaced."""
        self._claims.pop(outcome, None)
        self._misses.pop(outcome, None)

    def forget(self) -> None:
        """Discards all hashes and misses."""
        self._claims.clear()
        self._misses.clear()

    @property
    def wrong_facts(self) -> bool:
        """Whether no hash ever matched: another miss proves nothing."""
        return not self.hits and self.misses >= MISSES_OF_WRONG_FACTS

    @property
    def has_misses(self) -> bool:
        """Whether a miss waits for its recheck."""
        return bool(self._misses)

    def check_hash(self, outcome: int, ladder: Ladder, at: int, number: int) -> bool | None:
        """Compares the ladder with the last hashes: True, False, or None if it cannot be decided. ``at`` and
        ``number``: of the batch's last frame."""
        claim = self._claims.pop(outcome, None)
        if claim is None:
            return None
        text = None if self.wrong_facts else hash_input(ladder, outcome, self.tokens[outcome], claim.at, self.facts)
        if text is None:
            self.unchecked += 1
            return None
        check = Check(self._name, at, number, book_hash(text, self.facts.last_trade_price) in claim.hashes)
        self._checks.append(check)
        if check.matched:
            self.hits += 1
            self._misses.pop(outcome, None)  # the ladder is right now, so it was right then
            return True
        self.misses += 1
        self._misses[outcome] = (text, claim.hashes, check)
        return False

    def recheck(self) -> bool:
        """Compares misses again, with the last trade price known by now. False: a ladder is wrong."""
        mismatches = 0
        for text, hashes, check in self._misses.values():
            if book_hash(text, self.facts.last_trade_price) in hashes:
                self.hits += 1
                self.misses -= 1
                self._checks.append(check._replace(matched=True))
            else:
                mismatches += 1
        self._misses.clear()
        return not (mismatches and self.hits)
