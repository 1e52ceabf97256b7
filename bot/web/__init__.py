"""The chat page: what a browser gets, and what it costs; `bot.gateway` decides what happens."""
