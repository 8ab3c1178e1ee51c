"""Folders that earlier versions wrote, and what they answered (`tests.kept.make`)."""
