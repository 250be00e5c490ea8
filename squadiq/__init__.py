"""Push leads to SquadIQ and take their outcomes back."""
