"""Gazetteers that many tests share."""

from datetime import date

from outreach.places.areas import gazetteer_of

KONTUM_2020 = gazetteer_of(frozenset(("62",)), date(2020, 8, 20))
