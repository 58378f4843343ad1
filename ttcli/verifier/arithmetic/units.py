"""Units that turn into each other: "2 hours + 30 minutes = 150 minutes" is no false sum."""

from __future__ import annotations

from collections.abc import Iterable

_KINDS = (
    "second seconds sec secs s minute minutes min mins hour hours hr hrs h day days week weeks month months year years "
    "decade decades century am pm o'clock",
    "millimeter millimeters mm centimeter centimeters cm meter meters metre metres m kilometer kilometers km "
    "inch inches foot feet ft yard yards yd mile miles mi",
    "gram grams g kilogram kilograms kg mg milligrams ounce ounces oz pound pounds lb lbs ton tons",
    "liter liters litre litres l milliliter milliliters ml cup cups pint pints quart quarts gallon gallons ounce "
    "ounces oz tablespoon tablespoons teaspoon teaspoons",
    "dollar dollars cent cents penny pennies nickel nickels dime dimes quarter quarters",
    "dozen dozens pair pairs score hundred thousand million billion trillion",
    "degrees radians",
)
_SAME = {
    "hr": "hour",
    "min": "minute",
    "sec": "second",
    "s": "second",
    "h": "hour",
    "feet": "foot",
    "inche": "inch",
    "ft": "foot",
    "lb": "pound",
    "pennie": "cent",
    "penny": "cent",
    "metre": "meter",
    "litre": "liter",
    "l": "liter",
}
_KIND_OF: dict[str, list[int]] = {}
for _number, _words in enumerate(_KINDS):
    for _word in _words.split():
        _KIND_OF.setdefault(_word, []).append(_number)


def convertible(words: Iterable[str]) -> bool:
    """Whether two of the units that the words name measure the same in another size."""
    found: dict[int, str] = {}
    for word in " ".join(words).replace("-", " ").split():
        single = word if len(word) < 3 else word.removesuffix("s")
        single = _SAME.get(single, single)
        for kind in _KIND_OF.get(word, ()):
            if found.setdefault(kind, single) != single:
                return True
    return False
