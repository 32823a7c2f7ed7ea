"""How the tables of the state database came to be what they are.

    versions/  one revision per file

Belongs here: steps up and down, each a function of ``alembic.operations.Operations``, which ``../schema.py`` applies. A
revision that was released is never changed.
"""
