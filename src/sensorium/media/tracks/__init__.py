"""Sound and pictures in time: what files hold, on one clock."""
