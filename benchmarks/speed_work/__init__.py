"""Work that is timed: its data, ours, and the peers', each run in a process of its own."""
