"""How an interview is talked through, in three languages, safely; start reading at `bot.conversation`."""
