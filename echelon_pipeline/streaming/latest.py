"""What a shift puts where dashboards look. The shape is ``domain/latest.py``'s, because the store may not import a
shift nor a shift the store; nothing else belongs here."""

from echelon_pipeline.domain.latest import Latest

__all__ = ["Latest"]
