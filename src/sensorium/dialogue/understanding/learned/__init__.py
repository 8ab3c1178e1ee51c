"""What a request means, learned: intent classification and slot filling over token states."""
