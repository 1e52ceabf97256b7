"""What a fair rating is: pure functions over tables, numpy and scipy only; start reading at `scoring.ratings`.

Words: an *evaluation* is one survivor's answers about one provider on one occasion; a *vote* is what counts, one per survivor,
provider and quarter (the mean of repeats); a *cell* is the count, sum and sum of squares of votes; a *unit* is who is rated
(person, office, or role in a place); a *result* is a rating with enough survivors behind it; *peers* are the units of one peer
group which have a result.
"""

from __future__ import annotations

from scoring.columns import Column
from scoring.errors import RegistryError, ScoringError, SettingsError, TableError
from scoring.evaluations import Evaluations, from_columns, table
from scoring.lists import most_improved
from scoring.ratings import rate
from scoring.records import IndicatorMean, ModeEffect, PeerGroup, Rating, Ratings, Unit
from scoring.services import ServiceFigure, services
from scoring.settings import Scale, Settings
from scoring.tables import RatingsTable, read_ratings, read_scales, result_rows

__all__ = [
    "Column",
    "Evaluations",
    "IndicatorMean",
    "ModeEffect",
    "PeerGroup",
    "Rating",
    "Ratings",
    "RatingsTable",
    "RegistryError",
    "Scale",
    "ScoringError",
    "ServiceFigure",
    "Settings",
    "SettingsError",
    "TableError",
    "Unit",
    "from_columns",
    "most_improved",
    "rate",
    "read_ratings",
    "read_scales",
    "result_rows",
    "services",
    "table",
]
