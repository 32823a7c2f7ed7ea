-- about: why the outcome of a row cannot be used, or NULL: an invalid index, or two encodings that disagree.
--        A text that is not a number is a label (label_index: its outcome, NULL if unknown).
CREATE OR REPLACE MACRO import_which(outcome_index, known_index, label_index) AS
    CASE
        WHEN import_whole(outcome_index) IS NULL AND TRY_CAST(outcome_index AS DOUBLE) IS NOT NULL
        THEN import_bad('outcome_index', 'outcome_index is not a whole number from 0')
        WHEN import_whole(outcome_index) <> known_index OR import_whole(outcome_index) <> label_index
            OR known_index <> label_index
        THEN import_bad('outcome_index', 'the outcome is said twice and the two disagree')
    END
