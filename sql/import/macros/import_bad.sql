-- about: why a row cannot be loaded: the faulty field and what was expected.
CREATE OR REPLACE MACRO import_bad(field, why) AS {'path': field, 'reason': why}
