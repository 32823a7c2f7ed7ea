-- about: an aggregate over what a venue's own sources say of one instrument: one payout is final and another source
--        says proposed or disputed, or two final payouts differ. A proposal that was first read before the final payout
--        is superseded by it. Imported rows are history and contest nothing.
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
