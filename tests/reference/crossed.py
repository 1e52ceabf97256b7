"""Maximum likelihood for two or three crossed random effects, exact: the yardstick for moments and backfitting.

An implementation of its own, apart from `scoring`: the profiled deviance of a linear mixed model (Bates et al. 2015, J Stat Softw
67:1) with the raters' diagonal block eliminated first, so that only the few units leave a dense matrix. Agrees with the deviances
that MixedModels.jl's tests pin for InstEval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, diags_array, hstack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """Deviance (-2 log likelihood, ML), residual deviation, deviations of the factors, coefficients, and each factor's predictors."""

    deviance: float
    sigma: float
    sd: tuple[float, ...]
    beta: Floats
    effects: tuple[Floats, ...]


class CrossedModel:
    """y = X beta + sum of factors + rest. The first factor should have the most levels."""

    def __init__(self, y: Floats, fixed: Floats, factors: Sequence[Ints]) -> None:
        self.y, self.x = y, fixed
        many = len(y)
        self.sizes = [int(one.max()) + 1 for one in factors]
        designs = [
            csr_matrix((np.ones(many), (np.arange(many), one)), shape=(many, size))
            for one, size in zip(factors, self.sizes, strict=True)
        ]
        self.first, self.others = designs[0], hstack(designs[1:]).tocsr()
        self.count = np.asarray(self.first.sum(axis=0)).ravel()
        self.across = (self.first.T @ self.others).tocsr()
        self.inside = (self.others.T @ self.others).toarray()
        self.right = np.column_stack([fixed, y])
        self.first_right = self.first.T @ self.right
        self.others_right = self.others.T @ self.right
        self.right_right = self.right.T @ self.right

    def at(self, relative: Sequence[float]) -> Fit:
        """The fit with these deviations of the factors relative to the residual deviation."""
        own, rest = relative[0], np.repeat(relative[1:], self.sizes[1:])
        diagonal = own**2 * self.count + 1.0
        block = (diags_array(np.full(len(diagonal), own)) @ self.across @ diags_array(rest)).tocsr()
        eliminated = (block.T @ diags_array(1.0 / diagonal) @ block).toarray()
        dense = rest[:, None] * self.inside * rest + np.eye(len(rest)) - eliminated
        factor = cho_factor(dense, lower=True)
        # Solve for X and y at once: what the random effects leave of them.
        first = own * self.first_right
        others = rest[:, None] * self.others_right - block.T @ (first / diagonal[:, None])
        solved_others = cho_solve(factor, others)
        solved_first = (first - block @ solved_others) / diagonal[:, None]
        left = self.right_right - (own * self.first_right).T @ solved_first
        left -= (rest[:, None] * self.others_right).T @ solved_others
        beta = np.linalg.solve(left[:-1, :-1], left[:-1, -1])
        residual = float(left[-1, -1] - left[-1, :-1] @ beta)
        many = len(self.y)
        log_det = float(np.log(diagonal).sum() + 2.0 * np.log(np.diag(factor[0])).sum())
        weights = np.append(-beta, 1.0)
        spherical = [
            solved_first @ weights,
            *np.split(solved_others @ weights, np.cumsum(self.sizes[1:])[:-1]),
        ]
        sigma = float(np.sqrt(residual / many))
        return Fit(
            deviance=log_det + many * (1.0 + float(np.log(2.0 * np.pi * residual / many))),
            sigma=sigma,
            sd=tuple(float(one) * sigma for one in relative),
            beta=beta,
            effects=tuple(one * u for one, u in zip(relative, spherical, strict=True)),
        )

    def fit(self, start: Sequence[float]) -> Fit:
        """Where the likelihood is highest."""
        found = minimize(
            lambda logs: self.at(np.exp(logs).tolist()).deviance,
            np.log(np.asarray(start)),
            method="Nelder-Mead",
            options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 500},
        )
        return self.at(np.exp(found.x).tolist())
