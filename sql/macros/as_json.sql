-- about: a payload that is JSON, as json_transform and its kin read it; NULL where it is none. Halves of surrogate pairs
--        are mended; everything that is nearly every payload costs one json_valid.
CREATE OR REPLACE MACRO as_json(t) AS
    CASE WHEN json_valid(t) THEN t WHEN json_valid(mended_json(t)) THEN mended_json(t) END
