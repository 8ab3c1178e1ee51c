"""Addresses that programs written for other servers ask: OpenAI's, and its dialects."""
