"""Write examples/leads.csv: 1,000 rows as a spreadsheet would export them, a dozen of them broken.

The same seed writes the same bytes. The people are invented; an invented number may still be
somebody's, so these leads are for the mock alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from random import Random

TARGET = Path(__file__).resolve().parent.parent / "examples" / "leads.csv"
ROWS = 1_000
SEED = 4
HEADER = ["lead_id", "phone_number", "contact_name", "product_plan", "loan_amount", "is_squadlead", "city"]
PLANS = ["Lite", "Pro", "Pro+", "Enterprise"]

NAMES = {
    "Latin": (
        [
            "Asha",
            "Rahul",
            "Priya",
            "Imran",
            "Lakshmi",
            "Gurpreet",
            "Anjali",
            "Joseph",
            "Fatima",
            "Zoë",
            "Maria",
        ],
        [
            "Sharma",
            "Verma",
            "Iyer",
            "Khan",
            "Reddy",
            "Singh",
            "Fernandes",
            "Das",
            "Patel",
            "Nair",
            "O’Brien-Rao",
            "D'Souza",
        ],
    ),
    "Devanagari": (["आशा", "राहुल", "प्रिया", "सुनील", "अंजली"], ["शर्मा", "वर्मा", "जोशी", "पाटील", "कुलकर्णी"]),
    "Tamil": (["லட்சுமி", "முருகன்", "கவிதா", "செந்தில்"], ["சுப்பிரமணியன்", "ராமன்", "குமார்"]),
    "Bengali": (["অনন্যা", "সৌরভ", "রিয়া", "দেবাশিস"], ["দাস", "মুখোপাধ্যায়", "সেন"]),
    "Telugu": (["లక్ష్మి", "వెంకటేష్", "పద్మ"], ["రెడ్డి", "రావు", "నాయుడు"]),
    "Gujarati": (["જીગ્નેશ", "હેતલ", "મીના"], ["પટેલ", "શાહ", "મહેતા"]),
    "Kannada": (["ಕಾವ್ಯ", "ರಮೇಶ್"], ["ಗೌಡ", "ಹೆಗ್ಡೆ"]),
    "Malayalam": (["അനിൽ", "രേഖ"], ["നായർ", "മേനോൻ"]),
    "Gurmukhi": (["ਗੁਰਪ੍ਰੀਤ", "ਹਰਜੀਤ"], ["ਸਿੰਘ", "ਕੌਰ"]),
    "Urdu": (["عائشہ", "عمران"], ["خان", "قریشی"]),
}
SCRIPTS = ["Latin"] * 11 + [script for script in NAMES if script != "Latin"]

MOBILE_PREFIXES = ["98", "99", "97", "96", "95", "94"]
LANDLINES = {  # city: its code, and how many digits follow
    "Mumbai": ("22", "2", 8),
    "Delhi": ("11", "2", 8),
    "Bengaluru": ("80", "2", 8),
    "Chennai": ("44", "2", 8),
    "Kolkata": ("33", "2", 8),
    "Jaipur": ("141", "2", 7),
    "Kochi": ("484", "2", 7),
}

MOBILE_FORMS: list[Callable[[str], str]] = [
    lambda n: n,
    lambda n: f"{n[:5]} {n[5:]}",
    lambda n: f"{n[:5]}-{n[5:]}",
    lambda n: f"{n[:3]} {n[3:6]} {n[6:]}",
    lambda n: f"+91{n}",
    lambda n: f"+91 {n[:5]} {n[5:]}",
    lambda n: f"+91-{n[:5]}-{n[5:]}",
    lambda n: f"+91.{n[:5]}.{n[5:]}",
    lambda n: f"(+91) {n[:5]} {n[5:]}",
    lambda n: f"0{n}",
    lambda n: f"0 {n[:5]} {n[5:]}",
    lambda n: f"91{n}",
    lambda n: f"91 {n}",
    lambda n: f"0091{n}",
    lambda n: f"0091 {n[:5]} {n[5:]}",
    lambda n: f"{n[:5]}\N{NO-BREAK SPACE}{n[5:]}",
    lambda n: f"+91\N{NON-BREAKING HYPHEN}{n[:5]}\N{NON-BREAKING HYPHEN}{n[5:]}",
    lambda n: f"{n[:5]}\N{EN DASH}{n[5:]}",
    lambda n: f"{n}  ",
    lambda n: f" {n[:5]} {n[5:]} ",
    lambda n: f"'{n}",
    lambda n: f"'+91{n}",
    lambda n: f"{n}.0",
    lambda n: f"\N{LEFT-TO-RIGHT EMBEDDING}+91 {n[:5]} {n[5:]}\N{POP DIRECTIONAL FORMATTING}",
    lambda n: "".join(chr(ord("०") + int(digit)) for digit in n),
]
LANDLINE_FORMS: list[Callable[[str, str], str]] = [
    lambda code, n: f"(0{code}) {n[:-4]} {n[-4:]}",
    lambda code, n: f"0{code}-{n}",
    lambda code, n: f"0{code} {n[:-4]} {n[-4:]}",
    lambda code, n: f"0{code}{n}",
    lambda code, n: f"+91 {code} {n[:-4]} {n[-4:]}",
    lambda code, n: f"+91-{code}-{n}",
]


def main() -> None:
    TARGET.write_bytes(leads_csv(Random(SEED)))
    print(f"make_leads: wrote {TARGET.name}")


def leads_csv(random: Random) -> bytes:
    """Return the file as a spreadsheet writes it: UTF-8 with a byte order mark, lines ended by CR LF."""
    rows = [_row(number, random) for number in range(1, ROWS + 1)]
    for index, breakage in BROKEN.items():
        rows[index] = breakage(rows[index], rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([row[name] for name in HEADER] for row in rows)
    return text.getvalue().encode("utf-8-sig")


Row = dict[str, str]


def _row(number: int, random: Random) -> Row:
    first, last = NAMES[random.choice(SCRIPTS)]
    city = random.choice(list(LANDLINES))
    return {
        "lead_id": f"CRM-{number:04}",
        "phone_number": _landline(city, random) if random.random() < 0.12 else _mobile(random),
        "contact_name": f"{random.choice(first)} {random.choice(last)}",
        "product_plan": random.choice(PLANS),
        "loan_amount": random.choice(
            [str(random.randrange(50, 2_000) * 1_000), f"{random.randrange(10**7) / 100:.2f}", ""]
        ),
        "is_squadlead": random.choice(["TRUE", "FALSE"]),
        "city": city,
    }


def _mobile(random: Random) -> str:
    number = random.choice(MOBILE_PREFIXES) + f"{random.randrange(10**8):08}"
    return random.choice(MOBILE_FORMS)(number)


def _landline(city: str, random: Random) -> str:
    code, first, digits = LANDLINES[city]
    number = first + f"{random.randrange(10 ** (digits - 1)):0{digits - 1}}"
    return random.choice(LANDLINE_FORMS)(code, number)


BROKEN: dict[int, Callable[[Row, list[Row]], Row]] = {
    17: lambda row, _: {**row, "phone_number": "98765 4321"},
    64: lambda row, _: {**row, "phone_number": "9.87654E+09"},
    131: lambda row, _: {**row, "contact_name": ""},
    188: lambda row, _: {**row, "phone_number": ""},
    242: lambda row, _: {**row, "phone_number": "+1 202-555-0143"},
    305: lambda _, rows: rows[302],
    377: lambda _row, _rows: dict.fromkeys(HEADER, ""),
    451: lambda row, _: {**row, "phone_number": "call after 6 pm"},
    523: lambda row, _: {**row, "phone_number": "98450 12345 / 98450 12346"},
    618: lambda row, _: {**row, "lead_id": ""},
    709: lambda row, _: {**row, "loan_amount": "on request"},
    836: lambda _, rows: rows[402],
    954: lambda row, _: {**row, "phone_number": "+91 98765 432101"},
}
"""What is wrong with which row: 305 repeats a row of its own hundred, 836 one of another hundred."""


if __name__ == "__main__":
    main()
