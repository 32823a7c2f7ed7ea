r"""Text of venues for people: what would steer a terminal is shown, not done.

Belongs here: which characters those are. ``\x1b[31m`` from a title must not colour what follows, and one that turns
the direction of writing must not make a line say something else. A file or program gets the data exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# C0 and C1 but for tab and line feed, the separators of lines and paragraphs, and what turns the direction of writing.
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""A text with ``\x1b`` in the place of an escape character, and all others of its kind alike."""
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class VisibleConsole(Console):
    """A console that passes nothing on that steers the terminal, whatever is printed."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Lines, titles and cells, before they are measured, and before rich takes some of their characters out."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What was no ``str``: the last place where text is text; styles become escape sequences after it."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
