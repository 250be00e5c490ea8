"""Outbox and inbox on the engines that people already run: a module each, which needs that engine alone."""
