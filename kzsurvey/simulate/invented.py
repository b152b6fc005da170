"""Names and numbers that look like a person's and can belong to nobody."""

import numpy as np

PHONE = "13800138000"  # the number China Mobile itself answers; used as a placeholder throughout the country
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_AREAS = ("653001", "653022", "653023", "653024")


def phone_number(generator: np.random.Generator) -> str:
    """The placeholder number in one of the ways people write a number."""
    first, second, third = PHONE[:3], PHONE[3:7], PHONE[7:]
    forms = (PHONE, PHONE, f"{first}-{second}-{third}", f"{first} {second} {third}", f"+86 {PHONE}", f"86-{PHONE}")
    return forms[generator.integers(len(forms))]


def identity_number(generator: np.random.Generator) -> str:
    """An identity number with a right check digit and a day of birth in the 2080s or 2090s.

    Examples
    --------
    >>> number = identity_number(np.random.default_rng(1))
    >>> len(number), number[6:8], check_digit(number[:17]) == number[17]
    (18, '20', True)
    """
    area = _AREAS[generator.integers(len(_AREAS))]
    born = f"{generator.integers(2080, 2100)}{generator.integers(1, 13):02d}{generator.integers(1, 29):02d}"
    body = f"{area}{born}{generator.integers(1, 1000):03d}"
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """Check digit of the first 17 digits of an identity number (GB 11643-1999).

    Examples
    --------
    >>> check_digit("11010519491231002")
    'X'
    """
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]
