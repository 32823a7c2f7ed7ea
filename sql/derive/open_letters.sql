-- about: dead letters that units of work before $unit left open, with the time in which their rows lie
-- grain: endpoint, sha256, path, parser_version
-- inputs: letters, spans
-- Letters of earlier versions have no time: theirs is that of their unit's windows.
SELECT
    l.table_name,
    l.endpoint,
    l.sha256,
    l.path,
    l.parser_version,
    l.scope,
    l.instrument_id,
    coalesce(l.from_at, s.from_at) AS from_at,
    coalesce(l.to_at, s.to_at) AS to_at
FROM letters l
LEFT JOIN spans s ON l.from_at IS NULL AND l.table_name = s.table_name AND l.unit_id = s.unit_id
WHERE l.closed_at IS NULL AND l.unit_id < $unit AND NOT starts_with(l.endpoint, 'import:')
