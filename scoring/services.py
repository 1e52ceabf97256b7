"""Services needed against received, and how long an entitlement took: what survivors say of the offer, not of a provider.

A survivor speaks once for each service: what she said last in the window counts. Who would not say, or did not know, is in no
denominator. Shares have Wilson's interval (1927, J Am Stat Assoc 22:209-212), which also holds for few and for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scipy.special import ndtri

from scoring import quarters
from scoring.errors import TableError
from scoring.settings import Settings

__all__ = ["Duration", "ServiceFigure", "Share", "Voice", "services", "wilson"]

EVERYWHERE = ""
"""The area of the figures over all areas."""

COLUMNS = ("survivor", "verified", "block", "review", "service", "needed", "asked", "received", "month")
YES, PARTLY, NO = "yes", "partly", "no"


@dataclass(frozen=True)
class Share:
    """`seen` of `of`, with its interval at `Settings.level`; None where fewer than k survivors stand behind it."""

    seen: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Duration:
    """Days from one step to the next, for those for whom both are known; `overdue` took longer than the norm."""

    of: int
    median: float
    overdue: Share


@dataclass(frozen=True)
class ServiceFigure:
    """One service in one area. `n` are the survivors who spoke about it; every other figure is None below `k_programme` of them.

    `needed` is of all who spoke, `asked`, `received` (wholly) and `received_something` are of those who needed it: the last two
    are its coverage.
    """

    service: str
    area: str
    n: int
    needed: Share | None
    asked: Share | None
    received: Share | None
    received_something: Share | None
    to_order: Duration | None
    to_payment: Duration | None


@dataclass(frozen=True)
class Voice:
    """What one survivor said last about one service."""

    survivor: str
    service: str
    area: str
    month: str
    needed: str
    asked: str
    received: str
    days_to_order: int | None
    days_to_payment: int | None


def services(
    rows: Iterable[Mapping[str, object]],
    areas: Mapping[str, str],
    settings: Settings,
    *,
    as_of: str | None = None,
) -> tuple[ServiceFigure, ...]:
    """The figures of each service in each area and over all areas (""), for the quarters that end with `as_of`.

    Rows have the keys `survivor, verified, block, review, service, needed, asked, received, month` ("2026-11") and, where known,
    `days_to_order, days_to_payment`. `areas` names the area of a block; a block that is not there belongs to none and counts
    only over all. `as_of` defaults to the quarter of the last month. TableError names the row and the column.
    """
    voices = _voices(rows, areas, settings, as_of)
    names = sorted({voice.service for voice in voices})
    places = [EVERYWHERE, *sorted({voice.area for voice in voices if voice.area})]
    return tuple(
        _figure(
            name, place, [v for v in voices if v.service == name and place in (EVERYWHERE, v.area)], settings
        )
        for name in names
        for place in places
    )


def wilson(seen: int, of: int, *, level: float) -> tuple[float, float]:
    """Wilson's interval for a share; of none it is everything."""
    if of == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + level / 2.0))
    share = seen / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * (share * (1 - share) / of + z**2 / (4 * of**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _voices(
    rows: Iterable[Mapping[str, object]], areas: Mapping[str, str], settings: Settings, as_of: str | None
) -> list[Voice]:
    listed = list(rows)
    for index, row in enumerate(listed):
        missing = [name for name in COLUMNS if name not in row]
        if missing:
            raise TableError(f"row {index + 1} has no column '{missing[0]}'; every check-in needs it")
    quarter = [_quarter(str(row["month"]), index) for index, row in enumerate(listed)]
    allowed = ("approved",) if settings.require_approved else ("none", "approved")
    counts = [bool(row["verified"] and row["survivor"]) and row["review"] in allowed for row in listed]
    heard = [number for number, one in zip(quarter, counts, strict=True) if one]
    if not heard and as_of is None:
        return []
    last = max(heard) if as_of is None else quarters.number(as_of)
    last_words: dict[tuple[str, str], Voice] = {}
    for row, number, one in zip(listed, quarter, counts, strict=True):
        if one and last - settings.quarters < number <= last:
            voice = _voice(row, areas)
            known = last_words.get((voice.survivor, voice.service))
            # Of two check-ins in one month the later in the order of all its answers: the rows' order must not matter.
            if known is None or _order(voice) > _order(known):
                last_words[voice.survivor, voice.service] = voice
    return list(last_words.values())


def _quarter(month: str, index: int) -> int:
    year, _, number = month.partition("-")
    if not (year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
        raise TableError(f"row {index + 1}, column 'month': '{month}' is no month; write it as 2026-11")
    return int(year) * 4 + (int(number) - 1) // 3


def _voice(row: Mapping[str, object], areas: Mapping[str, str]) -> Voice:
    def days(name: str) -> int | None:
        value = row.get(name)
        return value if isinstance(value, int) else None

    return Voice(
        survivor=str(row["survivor"]),
        service=str(row["service"]),
        area=areas.get(str(row["block"] or ""), ""),
        month=str(row["month"]),
        needed=str(row["needed"] or ""),
        asked=str(row["asked"] or ""),
        received=str(row["received"] or ""),
        days_to_order=days("days_to_order"),
        days_to_payment=days("days_to_payment"),
    )


def _order(voice: Voice) -> tuple[str, ...]:
    return (voice.month, voice.needed, voice.asked, voice.received, str(voice.days_to_order), voice.area)


def _figure(service: str, area: str, voices: Sequence[Voice], settings: Settings) -> ServiceFigure:
    needing = [voice for voice in voices if voice.needed == YES]
    asked = [voice.asked for voice in needing if voice.asked in (YES, NO)]
    received = [voice.received for voice in needing if voice.received in (YES, PARTLY, NO)]
    to_order = [voice.days_to_order for voice in voices if voice.days_to_order is not None]
    to_payment = [voice.days_to_payment for voice in voices if voice.days_to_payment is not None]
    spoke = [voice.needed for voice in voices if voice.needed in (YES, NO)]
    return ServiceFigure(
        service=service,
        area=area,
        n=len(spoke),
        needed=_share(spoke.count(YES), len(spoke), settings),
        asked=_share(asked.count(YES), len(asked), settings),
        received=_share(received.count(YES), len(received), settings),
        received_something=_share(len(received) - received.count(NO), len(received), settings),
        to_order=_duration(to_order, settings.norm_order_days, settings),
        to_payment=_duration(to_payment, settings.norm_payment_days, settings),
    )


def _share(seen: int, of: int, settings: Settings) -> Share | None:
    if of < settings.k_programme:
        return None
    return Share(seen, of, seen / of, *wilson(seen, of, level=settings.level))


def _duration(days: Sequence[int], norm: int, settings: Settings) -> Duration | None:
    overdue = _share(sum(day > norm for day in days), len(days), settings)
    return None if overdue is None else Duration(len(days), float(median(days)), overdue)
