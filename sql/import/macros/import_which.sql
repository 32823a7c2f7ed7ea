-- about: why the outcome that a row names cannot be used, or NULL: an index that is none, or two encodings that disagree.
--        A text that is no number is a label (label_index: what it means, NULL where that is not known).
CREATE OR REPLACE MACRO import_which(outcome_index, known_index, label_index) AS
    CASE
        WHEN import_whole(outcome_index) IS NULL AND TRY_CAST(outcome_index AS DOUBLE) IS NOT NULL
        THEN import_bad('outcome_index', 'outcome_index is not a whole number from 0')
        WHEN import_whole(outcome_index) <> known_index OR import_whole(outcome_index) <> label_index
            OR known_index <> label_index
        THEN import_bad('outcome_index', 'the outcome is said twice and the two disagree')
    END
