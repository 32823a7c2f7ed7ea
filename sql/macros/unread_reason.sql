-- about: the reason text with the number of rows that could not be read; NULL for 0.
CREATE OR REPLACE MACRO unread_reason(n) AS
    CASE WHEN n = 1 THEN '1 row could not be read' WHEN n > 1 THEN n || ' rows could not be read' END
