"""The history of the store's tables, one numbered step after another."""
