"""Says what the classifier makes of sentences: one a line in, one JSON object a line out.

    python parse.py MODEL < sentences.txt

Runs in Rasa's environment, loads the model file and nothing else; Rasa's HTTP API stays shut.
"""

import asyncio
import json
import sys

from channel import without_commands
from rasa.core.agent import Agent


async def main(model: str) -> None:
    agent = Agent.load(model)
    for line in sys.stdin:
        text = line.rstrip("\n")
        found = await agent.parse_message(without_commands(text) or "-")
        intent = found["intent"]
        reading = {"text": text, "intent": intent["name"], "confidence": round(intent["confidence"], 4)}
        sys.stdout.write(json.dumps(reading, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
