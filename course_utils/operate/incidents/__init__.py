"""The game day: a fortnight on call for the delay service, with a seeded incident that is scored.

`Service` replays the service of lessons 15 and 16 through the half year after it went live; `Game` puts one on call for
it. Data faults are those of `faults`, days those of `timemachine`, boards and pages those of `drift`.
"""

from course_utils.operate.incidents.classroom import rerun, seeds, standings
from course_utils.operate.incidents.games import Game, acts, causes, exhibits, play, prices, rehearsal, rubric, runbook
from course_utils.operate.incidents.responders import does_nothing, follows_the_runbook, rolls_back, tournament
from course_utils.operate.incidents.service import Service, State

__all__ = [
    "Game",
    "Service",
    "State",
    "acts",
    "causes",
    "does_nothing",
    "exhibits",
    "follows_the_runbook",
    "play",
    "prices",
    "rehearsal",
    "rerun",
    "rolls_back",
    "rubric",
    "runbook",
    "seeds",
    "standings",
    "tournament",
]
