"""Rows of tables as a fusion model takes them, and what each modality brought."""
