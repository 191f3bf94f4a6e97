"""A customer desk that takes texts, sounds and pictures of numbers, and answers at once or hands over to a person.

    text ────────────────────────────────┐
    sound ─ hearing ─ partial transcripts ┼─ understanding ─ dialogue ─ reply
    picture ─ cutting ─ seeing ───────────┘          session: all of it, kept in a transcript

`desk = Desk()`, `session = desk.session("talk.jsonl")`, then `session.say`, `session.hear` and `session.see`.
"""

from tinymm.desk.confidence import Confidence, threshold_at_risk
from tinymm.desk.desk import Desk
from tinymm.desk.dialogue import Dialogue, Reply
from tinymm.desk.hearing import HeardSound, listen
from tinymm.desk.numbers import find_number
from tinymm.desk.seeing import NumberReader, SeenNumber
from tinymm.desk.session import Session, Turn
from tinymm.desk.understanding import Understanding, Understood

__all__ = [
    *("Confidence", "Desk", "Dialogue", "HeardSound", "NumberReader", "Reply", "SeenNumber", "Session", "Turn"),
    *("Understanding", "Understood", "find_number", "listen", "threshold_at_risk"),
]
