"""What people coded: files of actions, what stands after them, and what that is made into."""
