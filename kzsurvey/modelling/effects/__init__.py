"""What a model says: marginal effects, moderation, mediation, and how little would undo it."""
