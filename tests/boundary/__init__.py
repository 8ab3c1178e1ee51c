"""Whatever a library raises while a file is read costs that file, in every caller."""
