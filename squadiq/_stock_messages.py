"""What a server says whatever was sent: messages of a stock service, and words that tell nothing about anybody."""

from __future__ import annotations

STOCK_MESSAGES = frozenset(
    """
A server error occurred.
A valid integer is required.
A valid number is required.
Authentication credentials were not provided.
Enter a valid URL.
Enter a valid email address.
Enter a valid phone number.
Expected a list of items but got type "dict".
Expected a list of items but got type "str".
Field is required.
Field required
Incorrect authentication credentials.
Internal server error.
Invalid data. Expected a dictionary, but got list.
Invalid data. Expected a dictionary, but got str.
Invalid input.
Invalid page.
Invalid phone number.
Invalid token header. No credentials provided.
Invalid token header. Token string should not contain spaces.
Invalid token.
Malformed request.
Method "DELETE" not allowed.
Method "GET" not allowed.
Method "PATCH" not allowed.
Method "POST" not allowed.
Method "PUT" not allowed.
Must be a valid boolean.
No.
Not a valid string.
Not found.
Not valid.
Permission denied.
Request was throttled.
String value too large.
This dictionary may not be empty.
This field is required.
This field may not be blank.
This field may not be null.
This field must be unique.
This list may not be empty.
This value does not match the required pattern.
User inactive or deleted.
Value must be valid JSON.
You do not have permission to perform this action.
""".strip().splitlines()
)
"""Messages of Django REST framework (`fields`, `serializers`, `exceptions`, `authentication`) and the like."""

COMMON_WORDS = frozenset(
    """
a above access accepted action after again all allowed already an and another any api are as at attempt
authentication authorization available back bad base batch be been before below between blank body boolean both but
by call called campaign can cannot character characters choice choose code conflict connection contact contain
contains content conversion convert converted could create created credentials data database date deactivated default
delete deleted denied detail dictionary digits disable disabled do does done duplicate each either email empty enter
ensure error errors exceeded exceeds exist existing exists expected expired failed false field fields float for
forbidden format found from gateway get give given got greater had has have header here how html http https id if in
inactive incorrect input integer internal into invalid is it item items its json key keys lead leads least length less
limit list long longer malformed many match matches maximum may message method minimum missing more most must name
names no non none not nor null number numbers object of off offset on one only operation or other our out outcome page
pages parameter parse pattern permission phone please post processed provided put query range rate read reason
received record reference refused rejected remove request requests required response result results retry right row
rows same second seconds send sent server service set shall short should size some something string such support
telephone temporarily text than that the their them then there these they this throttled time timeout title to token
too true try type unable unauthorized unavailable unexpected unique unknown until update updated url use used user
using valid validation value values version was way we were what when where which while who will with within without
wrong you your
""".split()  # noqa: SIM905
)
"""Words that stay although they are part of a sent value; not although they are all of it, or part of a name."""
