-- about: every row that could not be loaded, with the reason, without its record, so that millions of rows stay narrow.
-- grain: one row of the file
-- inputs: members, all_fields, typed_rows
SELECT row_no, NULL AS item, NULL AS venue, NULL AS path, fault AS reason
FROM members WHERE fault IS NOT NULL AND fault IS DISTINCT FROM getvariable('import_empty')
UNION ALL
SELECT row_no, item, venue, fault_path, fault FROM all_fields WHERE fault IS NOT NULL
UNION ALL
SELECT row_no, item, venue, reject.path, reject.reason FROM typed_rows WHERE reject IS NOT NULL
