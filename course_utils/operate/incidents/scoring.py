"""The score of a game: its parts, how many points each gives, and why.

A game earns points for the loss that was avoided, for speed, for the cause that was named, and for the right act.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from course_utils.operate.incidents.catalog import settings
from course_utils.operate.incidents.service import State
from course_utils.operate.incidents.simulation import Simulation
from course_utils.wording import counted

__all__ = ["score_parts"]


def score_parts(
    simulation: Simulation, moves: dict[int, list[str]], cause: str, course: Sequence[tuple[State, bool]]
) -> list[tuple[str, float, int, str]]:
    """Return the parts of a score: name, points, out of how many, and why.

    Parameters
    ----------
    simulation : Simulation
        The days of the game, with its scenario.
    moves : dict of int to list of str
        The acts of each morning, counted from 0.
    cause : str
        The cause that the player named.
    course : sequence of (State, bool)
        The course of action that follows from the moves.
    """
    worth = settings()["points"]
    entry = simulation.scenario.entry
    done = [(place, act) for place, acts in sorted(moves.items()) for act in acts]
    done = [(place, act) for place, act in done if not act.startswith("look") and act != "restore"]
    right = [place for place, act in done if act in entry["cures"] and place > simulation.scenario.start]
    needless = [act for _, act in done if act not in entry["cures"]]
    half = worth["right"] / 2
    yours, nothing, best = simulation.worth(course), simulation.nothing(), simulation.best()
    named = (
        "cause",
        half if cause == simulation.scenario.cause else 0.0,
        half,
        f"you said {cause!r}, it was {simulation.scenario.cause!r}",
    )
    if simulation.scenario.cause == "nothing":
        lost = max(0.0, nothing - yours) / simulation.service.normal_day
        calm = f"{counted(len(needless), 'needless act')}"
        return [
            ("loss", worth["loss"] * max(0.0, 1 - lost), worth["loss"], "no loss to avoid, and little or none caused"),
            ("speed", 0.0 if needless else worth["speed"], worth["speed"], calm),
            named,
            ("act", max(0.0, half - worth["needless"] * len(needless)), half, calm),
        ]
    act = max(0.0, half - worth["needless"] * len(needless)) if right else 0.0
    acted = ("act", act, half, f"{'a right one' if right else 'no right one'}, {len(needless)} needless")
    avoidable = best - nothing
    # Where hardly any loss can be avoided, a share of it would be noise: cause and act then make up all 100 points.
    if avoidable < worth["small"] * simulation.service.normal_day:
        scale = 100 / worth["right"]
        return [(name, points * scale, of * scale, why) for name, points, of, why in (named, acted)]
    share = float(np.clip((yours - nothing) / avoidable, 0, 1))
    shown = len(simulation.days) if simulation.first_page is None else simulation.first_page + 1
    waited = max(0, right[0] - shown) if right else worth["slowest"]
    avoided = f"{share:.0%} of the avoidable ${avoidable:,.0f} avoided"
    late = f"{counted(waited, 'morning')} late" if right else "never"
    return [
        ("loss", worth["loss"] * share, worth["loss"], avoided),
        ("speed", worth["speed"] * max(0.0, 1 - waited / worth["slowest"]), worth["speed"], late),
        named,
        acted,
    ]
