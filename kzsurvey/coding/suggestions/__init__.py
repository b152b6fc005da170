"""What a machine that learned from people's codings suggests: never a decision, always open to be looked into."""
