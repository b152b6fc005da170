"""How fragile a finding is: without a county or a village, under other specifications, among many tests."""
