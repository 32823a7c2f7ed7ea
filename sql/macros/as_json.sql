-- about: a payload that is valid JSON, for json_transform and similar functions; NULL for other text. Halves of surrogate
--        pairs are repaired; almost every payload costs only one json_valid.
CREATE OR REPLACE MACRO as_json(t) AS
    CASE WHEN json_valid(t) THEN t WHEN json_valid(mended_json(t)) THEN mended_json(t) END
