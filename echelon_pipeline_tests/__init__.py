"""Tests: names state the rule they protect."""
