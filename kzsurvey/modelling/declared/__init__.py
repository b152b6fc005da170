"""What a survey declares: its analysis table, its models and hypotheses, the overviews of its report."""
