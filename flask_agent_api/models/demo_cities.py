"""City names to IANA time zones, from the time zone data of this machine and a few aliases."""

from __future__ import annotations

import functools
import unicodedata
import zoneinfo

_ALIASES = {
    "Africa/Cairo": "alexandria",
    "Africa/Johannesburg": "cape town, pretoria, durban, south africa",
    "America/Chicago": "houston, dallas, austin, san antonio, minneapolis, new orleans",
    "America/Los_Angeles": "la, san francisco, seattle, san diego, las vegas, san jose, california",
    "America/New_York": "nyc, new york city, washington, washington dc, boston, miami, atlanta, philadelphia",
    "America/Sao_Paulo": "rio, rio de janeiro, brasilia",
    "America/Toronto": "ottawa, quebec",
    "Asia/Dubai": "abu dhabi",
    "Asia/Ho_Chi_Minh": "hanoi, vietnam",
    "Asia/Jerusalem": "tel aviv, haifa",
    "Asia/Karachi": "islamabad, lahore, pakistan",
    "Asia/Kolkata": "delhi, new delhi, mumbai, bangalore, bengaluru, chennai, hyderabad, pune, india",
    "Asia/Seoul": "busan, south korea, korea",
    "Asia/Shanghai": "beijing, shenzhen, guangzhou, wuhan, china",
    "Asia/Tokyo": "osaka, kyoto, yokohama",
    "Europe/Amsterdam": "rotterdam, the hague, netherlands",
    "Europe/Berlin": "munich, frankfurt, hamburg, cologne, stuttgart, leipzig, germany",
    "Europe/Istanbul": "ankara, izmir",
    "Europe/London": "manchester, edinburgh, glasgow, birmingham, cardiff, uk, england, united kingdom",
    "Europe/Madrid": "barcelona, valencia, seville, spain",
    "Europe/Moscow": "st petersburg, saint petersburg",
    "Europe/Paris": "lyon, marseille, nice, toulouse, france",
    "Europe/Rome": "milan, naples, florence, venice, turin, italy",
    "Europe/Zurich": "geneva, bern, basel, lausanne, switzerland",
    "Pacific/Auckland": "wellington, christchurch, new zealand",
    "Pacific/Honolulu": "hawaii",
}
_CONTINENTS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Pacific")


def has_timezones() -> bool:
    """Whether this machine has time zone data, from its own files or the package ``tzdata``."""
    return bool(_names())


def find_timezone(place: str) -> str | None:
    """The IANA name for an IANA name in any case, a city or a few countries; None if there is none.

    What follows a comma is ignored if the whole is not known: "Paris, France" is Paris.
    """
    for text in (place, place.partition(",")[0]):
        if found := _names().get(_plain(text)):
            return found
    return None


@functools.cache
def _names() -> dict[str, str]:
    """Plain name to IANA name. Of two zones with one city the geographic one wins, then the one of the shorter name."""
    zones = zoneinfo.available_timezones()
    names = {_plain(zone): zone for zone in sorted(zones)}
    cities: dict[str, str] = {}
    for zone in sorted(zones, key=lambda zone: (not zone.startswith(_CONTINENTS), len(zone), zone)):
        cities.setdefault(_plain(zone.rpartition("/")[2]), zone)
    aliases = {city: zone for zone, text in _ALIASES.items() if zone in zones for city in text.split(", ")}
    return aliases | cities | names


def _plain(text: str) -> str:
    """Lower case, without accents and full stops, words separated by single spaces."""
    letters = unicodedata.normalize("NFKD", text[:100].casefold())
    letters = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(letters.replace("_", " ").replace(".", "").split())
