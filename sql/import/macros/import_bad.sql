-- about: why a row cannot be loaded: the field at fault and what was expected of it.
CREATE OR REPLACE MACRO import_bad(field, why) AS {'path': field, 'reason': why}
