"""What random sequences draw from: lead_ids, leads, changes and details, in every form that the document allows."""

from __future__ import annotations

from typing import Any

from squadiq.contract.isolation import strategies

st = strategies

LEAD_IDS = st.sampled_from(["a", "आशा", "uniqueleadid 1", "7", 7])
SPELLINGS = ("{}{}", "+91 {} {}", "0{}{}", "(0) {}-{}", "0091-{}{}")
PHONE_NUMBERS = st.sampled_from(range(len(SPELLINGS)))
"""Places of a spelling; which numbers there are the target says."""
NAMES = st.sampled_from(["Asha Rao", "आशा शर्मा", "John  Smith", "O'Neil; DROP", "ẞ"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15, allow_subnormal=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y z"]), inner, max_size=2),
    max_leaves=4,
)
CUSTOM = st.dictionaries(st.sampled_from(["is_KYC", "product_plan", "is_squadlead", "loan amount"]), VALUES, max_size=3)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "lead_id": LEAD_IDS,
    "phone_number": PHONE_NUMBERS,
    "contact_name": NAMES,
}
LEADS: st.SearchStrategy[dict[str, Any]] = st.tuples(CUSTOM, st.fixed_dictionaries(FIELDS)).map(
    lambda both: {**both[0], **both[1]}
)
CHANGES = st.fixed_dictionaries({}, optional={"phone_number": PHONE_NUMBERS, "contact_name": NAMES})
DETAILS = st.sampled_from(["PAID", "P" * 32, "आ" * 32, "P" * 33, "🙂" * 20])
