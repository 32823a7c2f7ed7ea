-- about: every row that could not be loaded, with its record. The path is of the file seen as a list of records:
--        $[record], the item of a list inside it, the field. Rows that name no known venue are kept under the one asked for.
-- grain: one row of the file
-- inputs: records, all_fields, typed_rows
SELECT
    CASE WHEN b.venue IN ('polymarket', 'kalshi') THEN b.venue
        WHEN getvariable('import_venue') = 'any' THEN 'polymarket' ELSE getvariable('import_venue') END AS venue,
    '$[' || b.row_no || ']' || coalesce('[' || b.item || ']', '') || coalesce('.' || b.path, '') AS path,
    b.reason, r.sha, r.payload
FROM (
    SELECT row_no, NULL AS item, NULL AS venue, NULL AS path, fault AS reason FROM records WHERE fault IS NOT NULL
    UNION ALL
    SELECT row_no, item, venue, NULL, fault FROM all_fields WHERE fault IS NOT NULL
    UNION ALL
    SELECT row_no, item, venue, reject.path, reject.reason FROM typed_rows WHERE reject IS NOT NULL
) b
JOIN records r USING (row_no)
