"""`pomona alerts`: what Alertmanager has now, acknowledging it, and the rule files that a user owns."""
