"""One suite per rule, each on an input that is as small as it can be."""
