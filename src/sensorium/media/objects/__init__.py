"""3-D objects: what files hold, and how it looks."""
