"""The texts that the made-up provider says and the test programs expect, once for both sides. Node reads `words.json`,
which `python3 tests/sdk/words.py` writes."""

import json
import pathlib

PLAIN = "The mill wheel turns while the river runs on; nothing in here needs holding back."
MAIL = "jane.doe@example.com"
MARK = "[EMAIL]"
MASKED = f"You can write to {MAIL} or call the office on weekdays."
PHRASE = "glass orchard protocol"
CLEAN = "Here is some clean text first, and it goes on for a while so that it is on its way. "
CUT = f"{CLEAN}Now the {PHRASE} comes up, and this must never be seen."
TOOL = "send_mail"
ARGUMENTS = {"to": MAIL, "subject": "The reply you asked for", "urgent": False}
THOUGHT = f"I look up the address {MAIL} and then answer."
ECHO = "The provider read: "
# A picture of one pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
ERROR_429 = "too many requests of the test"
ERROR_500 = "the provider broke on purpose"
ERROR_LATE = "the provider broke in the middle"

if __name__ == "__main__":
    words = {name: value for name, value in globals().items() if name.isupper()}
    (pathlib.Path(__file__).parent / "words.json").write_text(json.dumps(words, indent=2) + "\n")
