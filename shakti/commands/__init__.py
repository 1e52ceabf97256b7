"""The commands of `shakti`, one file for each thing they are about."""
