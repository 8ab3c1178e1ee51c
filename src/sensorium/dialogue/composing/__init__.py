"""The words of a reply, from evidence."""
