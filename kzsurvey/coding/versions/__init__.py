"""A codebook that changes: its steps, what older codings mean under it, what has to be coded again, its page."""
