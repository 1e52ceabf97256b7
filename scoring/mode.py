"""The mode effect: how much kinder answers to an enumerator are than answers in the chat.

Estimated within providers who were evaluated in both modes (provider fixed effects), as the CAHPS programme does (Elliott et
al. 2009, Health Serv Res 44:501-518): the naive difference of the two modes also contains which providers were reached in
which way (measured: 12.6 for a truth of 6; within providers 6.0). The chat is the reference because self-administered
answers carry less courtesy. Near an end of the scale there is less room to be kind: a unit's effect is taken as the role's times
`room`, m (100 - m) of its level m (a constant shift on the logistic scale, to first order), 1 for the average interview. With one effect
for all, 90 % intervals of those with 10 votes and more near the top covered .84, with this .86 (`docs/validation.md`). Assumption: within one provider, who answers in which mode does not depend on how well she
was treated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scoring.cells import IN_CHAT, INTERVIEWED, Cells, over_quarters
from scoring.evaluations import Floats, Ints
from scoring.records import ModeEffect

__all__ = ["contrast", "mode_effects", "room"]

LEVEL_WORTH = 5.0  # votes that the role's mean counts as in a unit's level
ENDS = (2.0, 98.0)  # no level is nearer to an end: somewhere an effect must remain


def room(cells: Cells, role: Ints, roles: int) -> Floats:
    """How large the mode effect is for each unit beside the average interview of its role: m (100 - m) over the mean of that.

    The level m is the unit's mean, drawn towards that of its role as if this were `LEVEL_WORTH` more votes.
    """
    window = over_quarters(cells)
    n, total = (np.bincount(window.unit, of, minlength=len(role)) for of in (window.n, window.total))
    role_n, role_total = (np.bincount(role, of, minlength=roles) for of in (n, total))
    middle = (role_total / np.maximum(role_n, 1.0))[role]
    level = np.clip((total + LEVEL_WORTH * middle) / (n + LEVEL_WORTH), *ENDS)
    own = level * (100.0 - level)
    asked = window.mode == INTERVIEWED
    interviews = np.bincount(window.unit[asked], window.n[asked], minlength=len(role))
    weight = np.bincount(role, interviews, minlength=roles)
    average = np.bincount(role, interviews * own, minlength=roles) / np.maximum(weight, 1.0)
    return np.where(weight[role] > 0.0, own / np.where(weight > 0.0, average, 1.0)[role], 1.0)


def contrast(cells: Cells, units: int) -> tuple[Floats, Floats]:
    """For each unit the difference interviewed - chat and its weight `n1 n0 / (n1 + n0)`; 0 and 0 without both modes."""
    window = over_quarters(cells)
    n = np.zeros((2, units))
    total = np.zeros((2, units))
    for mode in (IN_CHAT, INTERVIEWED):
        rows = window.mode == mode
        n[mode, window.unit[rows]] = window.n[rows]
        total[mode, window.unit[rows]] = window.total[rows]
    both = (n > 0).all(axis=0)
    mean = total / np.maximum(n, 1.0)
    weight = np.where(both, n.prod(axis=0) / np.maximum(n.sum(axis=0), 1.0), 0.0)
    return np.where(both, mean[INTERVIEWED] - mean[IN_CHAT], 0.0), weight


def mode_effects(
    cells: Cells, role: Ints, roles: Sequence[str], variance: Floats, *, min_weight: float, role_weight: float
) -> tuple[ModeEffect, ...]:
    """The effect for each role: its own contrast from `role_weight` on, else that of all roles, from `min_weight` on.

    `role` numbers the role of each unit, `variance` is the pooled variance of one vote per role.
    """
    difference, weight = contrast(cells, len(role))
    part = room(cells, role, len(roles))
    of_role = np.bincount(role, weight * part**2, minlength=len(roles))
    sums = np.bincount(role, weight * part * difference, minlength=len(roles))
    everywhere = float(of_role.sum())
    shared = float(sums.sum()) / everywhere if everywhere else 0.0
    shared_variance = float((of_role * variance[: len(roles)]).sum()) / everywhere if everywhere else 0.0
    effects = []
    for index, name in enumerate(roles):
        own = float(of_role[index])
        if own >= role_weight:
            se = float(np.sqrt(variance[index] / own))
            effects.append(ModeEffect(name, float(sums[index]) / own, se, own, "role"))
        elif not _uses_both(cells, role == index):
            effects.append(ModeEffect(name, 0.0, 0.0, own, "one mode"))
        elif everywhere >= min_weight:
            se = float(np.sqrt(shared_variance / everywhere))
            effects.append(ModeEffect(name, shared, se, everywhere, "all roles"))
        else:
            effects.append(ModeEffect(name, 0.0, 0.0, everywhere, "not comparable yet"))
    return tuple(effects)


def _uses_both(cells: Cells, in_role: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    modes = set(cells.mode[in_role[cells.unit]].tolist())
    return len(modes) > 1
