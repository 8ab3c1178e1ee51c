"""From what a person says to a plan, without a language model."""
