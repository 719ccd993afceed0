"""Configuration of pytest: what it must not import."""

collect_ignore = ["programs"]
