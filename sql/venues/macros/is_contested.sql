-- about: an aggregate over a venue's own sources for one instrument: one payout is final and another source is proposed
--        or disputed, or two final payouts differ. The final payout supersedes a proposal that was first read before
--        it. Imported rows are history and never contest.
CREATE OR REPLACE MACRO is_contested(source, status, payout_0, observed_at) AS
    coalesce(
        max(observed_at) FILTER (WHERE status = 'determined' AND is_payout_source(source))
        >= max(observed_at) FILTER (WHERE status = 'settled'),
        false
    )
    OR coalesce(
        min(payout_0) FILTER (WHERE status = 'settled') < max(payout_0) FILTER (WHERE status = 'settled'),
        false
    )
