"""The game day: two weeks on call for the delay service, with pages that depend on a seed and are scored.

`open_service` replays the service of lessons 15 and 16 through the half year after it went live, and a `Game` puts a
player on call for it. A page has a title that several causes share; looks tell them apart, and take minutes.
"""

from course_utils.operate.incidents.catalog import acts, causes, rivals, rubric, runbook, settings, titles
from course_utils.operate.incidents.classroom import seeds, standings
from course_utils.operate.incidents.games import Game, play, play_on, rehearsal, rerun
from course_utils.operate.incidents.policies import (
    best,
    careful,
    clueless,
    does_nothing,
    no_look,
    policy_from,
)
from course_utils.operate.incidents.responders import fit_no_look, tournament
from course_utils.operate.incidents.service import Service, State, open_service
from course_utils.operate.incidents.simulation import prices

__all__ = [
    "Game",
    "Service",
    "State",
    "acts",
    "best",
    "careful",
    "causes",
    "clueless",
    "does_nothing",
    "fit_no_look",
    "no_look",
    "open_service",
    "play",
    "play_on",
    "policy_from",
    "prices",
    "rehearsal",
    "rerun",
    "rivals",
    "rubric",
    "runbook",
    "seeds",
    "settings",
    "standings",
    "titles",
    "tournament",
]
