"""How alike answers are which one collector took: some enumerators hear kinder answers than others, whomever they ask about.

Votes of units and collectors cross as those of units and survivors do, and the same moments tell the deviations apart (Gao & Owen
2017, see `scoring.leniency`). Only the likeness is used, to widen standard errors; nobody's answers are moved for who took them,
because few collectors see enough units to tell their manner from where they were sent.
"""

from __future__ import annotations

import numpy as np

from scoring.columns import Floats, Ints
from scoring.leniency import Crossed, components
from scoring.settings import Settings
from scoring.votes import Votes

__all__ = ["likeness"]


def likeness(votes: Votes, value: Floats, role: Ints, settings: Settings) -> Floats:
    """For each unit the intraclass correlation of interviews that one collector took about its role, 0-1.

    `value` are the votes without mode, `role` numbers the role of each unit. The planning value `collector_rho` counts as much as
    `collector_rho_worth` collectors: before the first data it stands alone, and a dozen collectors cannot push it far.
    """
    links = votes.collectors
    alone = np.bincount(links.vote, minlength=len(votes))[links.vote] == 1
    taken = alone & (links.label >= 0) & (votes.interviewed[links.vote] == 1.0)
    vote, collector = links.vote[taken], links.label[taken]
    of_role = role[votes.unit[vote]]
    found = np.full(int(np.max(role, initial=-1)) + 1, settings.collector_rho)
    for number in np.unique(of_role).tolist():
        own = of_role == number
        crossed = Crossed(votes.unit[vote[own]], collector[own], value[vote[own]])
        found[number] = _of_role(crossed, settings)
    return np.asarray(found[role])


def _of_role(interviews: Crossed, settings: Settings) -> float:
    found = components(interviews)
    if found is None or found.raters + found.rest <= 0.0:
        return settings.collector_rho
    seen = len(np.unique(interviews.rater))
    own = found.raters / (found.raters + found.rest)
    worth = settings.collector_rho_worth
    return float((worth * settings.collector_rho + seen * own) / (worth + seen))
