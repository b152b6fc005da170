"""What was not answered: who misses what, imputed several times, analysed in every copy, and pooled."""
