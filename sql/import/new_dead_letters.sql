-- about: dead letters that the lake does not have yet: reading the same file again adds none.
-- grain: endpoint, sha256, path
-- inputs: dead_part, stored_dead_letters
SELECT d.* FROM dead_part d ANTI JOIN stored_dead_letters s USING (venue, table_name, endpoint, sha256, path, parser_version)
