"""Boilerplate removal: rules from data files and a learned line classifier, joined and explained by ``strip``."""
