"""Whether a Polymarket ladder is the venue's: its hashes, and a second look where one misses.

Belongs here: claims and verdicts. The hashed bytes are ``hashes.py``; what follows from a verdict is ``machine.py``.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from echelon_pipeline.books.events import Facts
from echelon_pipeline.books.hashes import finished, unhashed
from echelon_pipeline.books.ladder import Ladder
from echelon_pipeline.books.rows import Check

# An asset whose hashes never matched has wrong facts (or another formula), not a wrong book: three misses tell.
MISSES_OF_WRONG_FACTS = 3


class Claim(msgspec.Struct):
    """The hashes that one frame gave for one ladder: any of them may be the final one."""

    at: int
    hashes: set[str]


class Verifier:
    """The facts of one instrument, and what its frames said their ladders' hashes are. Judgements go to ``checks``."""

    __slots__ = ("_checks", "_claims", "_misses", "_name", "facts", "hits", "misses", "tokens", "unchecked")

    def __init__(self, instrument_id: str, tokens: tuple[str, ...], facts: Facts, checks: list[Check]) -> None:
        self.tokens, self.facts = tokens, facts
        self._name, self._checks = instrument_id, checks
        self.hits = self.misses = self.unchecked = 0
        self._claims: dict[int, Claim] = {}
        self._misses: dict[int, tuple[tuple[str, str], set[str], Check]] = {}

    def learn(self, facts: Facts) -> None:
        """Takes over what is said; what isn't stays."""
        said = {name: value for name, value in msgspec.structs.asdict(facts).items() if value is not None}
        if not said:
            return
        old, self.facts = self.facts, replace(self.facts, **said)
        lasting = replace(old, last_trade_price=None) != replace(self.facts, last_trade_price=None)
        if lasting and not self.hits:
            self.misses = 0  # what never matched may do so now

    def claim(self, outcome: int, at: int, digest: str) -> None:
        """A frame said this; a later frame's word replaces an earlier one's, both are of the whole ladder."""
        claim = self._claims.get(outcome)
        if claim is None or claim.at != at:
            self._claims[outcome] = Claim(at, {digest})
        else:
            claim.hashes.add(digest)

    def replaced(self, outcome: int) -> None:
        """A new ladder: what was claimed of the old one, right or wrong, is over."""
        self._claims.pop(outcome, None)
        self._misses.pop(outcome, None)

    def forget(self) -> None:
        """The ladders are gone, and what was claimed of them."""
        self._claims.clear()
        self._misses.clear()

    @property
    def wrong_facts(self) -> bool:
        """No hash ever matched: there is nothing to learn from another miss."""
        return not self.hits and self.misses >= MISSES_OF_WRONG_FACTS

    @property
    def suspects(self) -> bool:
        """A miss waits for its second look."""
        return bool(self._misses)

    def judge(self, outcome: int, ladder: Ladder, at: int, number: int) -> bool | None:
        """Holds the last claim against the ladder: True, False, or None where nothing can be said. ``at`` and
        ``number``: of the batch's last frame."""
        claim = self._claims.pop(outcome, None)
        if claim is None:
            return None
        text = None if self.wrong_facts else unhashed(ladder, outcome, self.tokens[outcome], claim.at, self.facts)
        if text is None:
            self.unchecked += 1
            return None
        check = Check(self._name, at, number, finished(text, self.facts.last_trade_price) in claim.hashes)
        self._checks.append(check)
        if check.matched:
            self.hits += 1
            self._misses.pop(outcome, None)  # the ladder is right now, so it was right then
            return True
        self.misses += 1
        self._misses[outcome] = (text, claim.hashes, check)
        return False

    def second_look(self) -> bool:
        """Misses once more, with the last trade as it is known by now. False: a ladder is wrong."""
        wrong = 0
        for text, hashes, check in self._misses.values():
            if finished(text, self.facts.last_trade_price) in hashes:
                self.hits += 1
                self.misses -= 1
                self._checks.append(check._replace(matched=True))
            else:
                wrong += 1
        self._misses.clear()
        return not (wrong and self.hits)
