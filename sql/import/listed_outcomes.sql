-- about: a row for each member of a record's lists of tokens and labels; the position in the list is the outcome's index,
--        as in Gamma's clobTokenIds and outcomes.
-- grain: row_no, item
-- inputs: listed_fields
WITH lists AS (
    SELECT *, import_list(token_ids) AS tokens, import_list(labels) AS words FROM listed_fields
), counted AS (
    SELECT
        *,
        CASE
            WHEN coalesce(token_ids, labels) IS NULL THEN 'no list of tokens or labels'
            WHEN token_ids IS NOT NULL AND tokens IS NULL THEN 'token_ids is not a list'
            WHEN labels IS NOT NULL AND words IS NULL THEN 'labels is not a list'
            WHEN len(tokens) <> len(words) THEN 'token_ids and labels have different lengths'
            WHEN greatest(coalesce(len(tokens), 0), coalesce(len(words), 0)) = 0 THEN 'the list is empty'
        END AS wrong
    FROM lists
), placed AS (
    SELECT
        *,
        unnest(CASE WHEN wrong IS NULL THEN range(greatest(coalesce(len(tokens), 0), coalesce(len(words), 0))) ELSE [NULL] END)
            AS item
    FROM counted
)
SELECT
    * EXCLUDE (token_ids, labels, tokens, words, wrong),
    wrong AS fault, tokens[item + 1] AS token_id, words[item + 1] AS label, CAST(item AS VARCHAR) AS outcome_index
FROM placed
