"""The error tree: few named errors, each classified as permanent or transient.

Belongs here: exception classes and nothing else. A message names the wrong file, row or field and what was expected.
Messages never contain secrets, headers or URLs with credentials.

    EchelonError
    ├── Permanent          a retry cannot help
    │   ├── BadSettings    the environment is wrong
    │   ├── BadRequest     the venue refused the request (4xx)
    │   ├── Unauthorized   401 / 403
    │   ├── NotFound       404
    │   │   └── NotAvailable   a recorded universe lacks it
    │   ├── AnswerTooLarge     a decoded answer is larger than the limit
    │   ├── SchemaDrift    a required shape is missing from an answer
    │   ├── PagingStuck    a cursor repeats or a page adds no new id
    │   ├── RuleViolation  staged rows break a table's rules; nothing was committed
    │   ├── BadImport      a bulk file lacks columns or has the wrong ones
    │   ├── MartsFailed    marts could not be built and keep their last version
    │   ├── NotComplete    a month cannot be marked final
    │   ├── RefusedStatement   not a single statement that only reads
    │   ├── BadQuery       an argument or a statement of a reader is wrong
    │   ├── NewerLake      a table was written by newer code
    │   ├── CorruptStore   a lake partition or published file cannot be read
    │   ├── DatabaseRefused    Postgres refused a statement
    │   └── RunFailed      steps of a run failed; the message names each with its reason
    └── Transient          a retry may help
        ├── RateLimited        429
        ├── VenueUnavailable   5xx, timeouts, unreadable bodies
        ├── VenueDown          too many consecutive failures: stop the run
        ├── Conflict           another writer committed first too many times
        ├── DiskFull           no space left
        ├── DatabaseUnavailable    Postgres cannot be reached, or the connection broke
        └── RunPostponed       every failed step failed for a transient reason
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


class EchelonError(Exception):
    """Base class of all errors of this project."""


class Permanent(EchelonError):
    """A retry cannot help."""


class Transient(EchelonError):
    """A retry may help. ``retry_after``: seconds, if the server sent them."""

    retry_after: float | None = None


class BadSettings(Permanent):
    """An environment variable is unknown or has an invalid value."""


class BadRequest(Permanent):
    """The venue refused the request; the message has the status and the venue's text."""


class Unauthorized(Permanent):
    """The venue requires credentials, or other ones (401, 403)."""


class NotFound(Permanent):
    """The requested object does not exist (404)."""


class NotAvailable(NotFound):
    """A recorded universe lacks the endpoint or object: it is unknown whether the venue has it."""


class AnswerTooLarge(Permanent):
    """A decoded answer is larger than the limit; the message names the setting."""


class SchemaDrift(Permanent):
    """A required shape is missing from a venue's answer; the message has the path and a sample."""


class PagingStuck(Permanent):
    """A cursor repeats, or a page adds no new id: paging would never end."""


class RuleViolation(Permanent):
    """Staged rows break the rules of their table; nothing was committed. ``table``: which, where one is at fault."""

    def __init__(self, message: str, *, table: str = "") -> None:
        self.table = table
        super().__init__(message)


class BadImport(Permanent):
    """A bulk file has missing, misnamed or untypable columns."""


class MartsFailed(Permanent):
    """Marts could not be built; each keeps its last version.

    ``reasons``: by table. ``broken``: those whose rows broke the rules of their table.
    """

    def __init__(self, reasons: Mapping[str, str], *, broken: Collection[str] = ()) -> None:
        self.reasons = dict(reasons)
        self.broken = frozenset(broken)
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in self.reasons.items()))


class NotComplete(Permanent):
    """A month cannot be marked final; the message says what is missing or open."""


class RefusedStatement(Permanent):
    """A text is not a single statement that only reads."""


class BadQuery(Permanent):
    """An argument of the reader for Python is wrong, or DuckDB refuses a statement."""


class NewerLake(Permanent):
    """A table was written by newer code; upgrade before reading or writing it."""


class CorruptStore(Permanent):
    """A file of the lake or the published database cannot be read."""


class DatabaseRefused(Permanent):
    """Postgres refused a statement; the message has the server's text."""


class RunFailed(Permanent):
    """Steps of a run failed; the message names each with its reason."""


class RateLimited(Transient):
    """The venue answered 429 more often than the retry policy allows."""


class VenueUnavailable(Transient):
    """The venue failed: 5xx, a timeout, a broken connection or an unreadable body."""


class VenueDown(Transient):
    """Too many consecutive requests failed, so the run stops; data fetched before is kept."""


class Conflict(Transient):
    """Another process committed to the same partition first, more often than the retry limit allows."""


class DiskFull(Transient):
    """No space left for the lake, the publication or temporary files."""


class DatabaseUnavailable(Transient):
    """Postgres cannot be reached, or the connection broke; the transaction was rolled back."""


class RunPostponed(Transient):
    """Steps of a run failed, each for a transient reason: run again to continue where it stopped."""
