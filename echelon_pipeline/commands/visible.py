r"""Escapes control characters in text of venues before a terminal shows it.

Belongs here: the list of such characters. ``\x1b[31m`` in a title must not colour the text after it, and a character
that changes the direction of writing must not change the meaning of a line. Files and programs get the exact data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# C0 and C1 except tab and line feed, separators of lines and paragraphs, and marks of the direction of writing.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""The text with ``\x1b`` instead of an escape character, and other control characters likewise."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class VisibleConsole(Console):
    """A console that escapes control characters in everything that it prints."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Escapes lines, titles and cells before rich measures them and removes some of their characters."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escapes text that was not a ``str``: afterwards styles become escape sequences."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
