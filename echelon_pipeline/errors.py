"""The error tree: few, named, classified once as permanent or transient.

Belongs here: exception classes and nothing else. A message names the file, row or field that is
wrong and what was expected. Secrets, headers and full URLs with credentials never enter a message.

    EchelonError
    ├── Permanent          trying again cannot help
    │   ├── BadSettings    the environment is wrong
    │   ├── BadRequest     the venue refused the request (4xx)
    │   ├── Unauthorized   401 / 403
    │   ├── NotFound       404
    │   │   └── NotAvailable   a recorded universe lacks it
    │   ├── AnswerTooLarge     an answer is larger than the bound on decoded bytes
    │   ├── SchemaDrift    a required shape is missing from an answer
    │   ├── PagingStuck    a cursor repeats or a page adds no new id
    │   ├── RuleViolation  staged rows break a table's rules; nothing was committed
    │   ├── BadImport      a bulk file lacks columns or has the wrong ones
    │   ├── MartsFailed    computed tables could not be built and keep their last version
    │   ├── RefusedStatement   not one statement that reads
    │   ├── NewerLake      a table was written by newer code
    │   ├── CorruptStore   a lake partition or published file cannot be read
    │   ├── DatabaseRefused    Postgres refused a statement
    │   └── RunFailed      steps of a run failed; the message names each with its reason
    └── Transient          trying again may help
        ├── RateLimited        429
        ├── VenueUnavailable   5xx, timeouts, broken bodies
        ├── VenueDown          the breaker opened: stop the run
        ├── Conflict           another writer won too many times
        ├── DiskFull           no room left
        ├── DatabaseUnavailable    Postgres cannot be reached, or broke off
        └── RunPostponed       every step that failed did so for a reason that may pass
"""

from __future__ import annotations

from collections.abc import Mapping


class EchelonError(Exception):
    """Root of every error that this project raises on purpose."""


class Permanent(EchelonError):
    """Trying again cannot help."""


class Transient(EchelonError):
    """Trying again may help. ``retry_after``: seconds, where the other side said so."""

    retry_after: float | None = None


class BadSettings(Permanent):
    """An environment variable is unknown or has a value that cannot be used."""


class BadRequest(Permanent):
    """The venue refused the request; the message carries status and the venue's own words."""


class Unauthorized(Permanent):
    """The venue wants credentials, or other ones (401, 403)."""


class NotFound(Permanent):
    """The venue does not know the thing (404)."""


class NotAvailable(NotFound):
    """A recorded universe does not hold the endpoint or the thing: nothing can be said about it."""


class AnswerTooLarge(Permanent):
    """An answer is larger than the bound on decoded bytes; the message names the setting."""


class SchemaDrift(Permanent):
    """A required shape is missing from a venue's answer; the message has the path and a sample."""


class PagingStuck(Permanent):
    """A cursor repeats, or a page adds no new id: going on would never end."""


class RuleViolation(Permanent):
    """Staged rows break the rules of their table; nothing was committed."""


class BadImport(Permanent):
    """A bulk file has missing, misnamed or untypable columns."""


class MartsFailed(Permanent):
    """Computed tables could not be built; each keeps its last version. ``reasons``: by table."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in self.reasons.items()))


class RefusedStatement(Permanent):
    """A text is not one statement that reads, where only such are run."""


class NewerLake(Permanent):
    """A table was written by newer code than this; upgrade before writing."""


class CorruptStore(Permanent):
    """A file of the lake or the published database cannot be read."""


class DatabaseRefused(Permanent):
    """Postgres refused a statement: the message has its words."""


class RunFailed(Permanent):
    """Steps of a run failed; the message names each with its reason."""


class RateLimited(Transient):
    """The venue answered 429 more often than the retry policy allows."""


class VenueUnavailable(Transient):
    """The venue failed: 5xx, a timeout, a broken connection or an unreadable body."""


class VenueDown(Transient):
    """So many requests failed in a row that the run stops; nothing fetched so far is lost."""


class Conflict(Transient):
    """Another process committed to the same partition more often than we are willing to retry."""


class DiskFull(Transient):
    """No room left where the lake, the publication or temporary files live."""


class DatabaseUnavailable(Transient):
    """Postgres cannot be reached, or broke off what was under way; nothing half done stays."""


class RunPostponed(Transient):
    """Steps of a run failed, each for a reason that may pass: run again and it goes on where it stopped."""
