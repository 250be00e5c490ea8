"""Deliveries: the webhook `leadProcessed`, sent to an endpoint as leads are processed, at its worst if asked."""
