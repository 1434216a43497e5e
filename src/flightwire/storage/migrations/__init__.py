"""Alembic's folder: how databases come to have our tables."""
