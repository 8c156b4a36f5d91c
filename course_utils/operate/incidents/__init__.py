"""The game day: two weeks on call for the delay service, with an incident that depends on a seed and is scored.

`Service` replays the service of lessons 15 and 16 through the half year after it went live, and a `Game` puts a player
on call for it. Data faults are those of `faults`, days those of `backtest`, boards and pages those of `drift`.
"""

from course_utils.operate.incidents.catalog import acts, causes, rubric
from course_utils.operate.incidents.classroom import rerun, seeds, standings
from course_utils.operate.incidents.games import Game, exhibits, play, prices, rehearsal
from course_utils.operate.incidents.responders import does_nothing, follows_the_runbook, rolls_back, tournament
from course_utils.operate.incidents.service import Service, State
from course_utils.operate.monitoring import runbook

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
