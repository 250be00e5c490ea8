"""What a request may hold, and how a processed lead is told."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from rest_framework import serializers

LARGEST = 2**53 - 1
LEAD_ID = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?")
PHONE_NUMBER = re.compile(r"[ (]*(?:(?:\+|00)?91|0)?[ ().-]*[1-9](?:[ ().-]*[0-9]){9} *")
NAME = re.compile(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*")
LINE = re.compile(r"[^\x00-\x1f\x7f]+")


def is_text(value, pattern, longest):
    return isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) and can_be_stored(value)


def can_be_stored(value):
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class LeadIdField(serializers.Field):
    """Text, or a whole number that names the same lead as its digits."""

    def to_internal_value(self, data):
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if type(data) is int and 0 <= data <= LARGEST:
            return str(data)
        if not is_text(data, LEAD_ID, 255):
            raise serializers.ValidationError("Not a valid lead_id.")
        return data

    def to_representation(self, value):
        return value


class TextField(serializers.Field):
    """Text of a pattern; unlike CharField it neither takes numbers nor cuts off blanks."""

    def __init__(self, pattern, longest, message, **options):
        self.pattern, self.longest, self.message = pattern, longest, message
        super().__init__(**options)

    def to_internal_value(self, data):
        if not is_text(data, self.pattern, self.longest):
            raise serializers.ValidationError(self.message)
        return data

    def to_representation(self, value):
        return value


class PhoneNumberField(TextField):
    """An Indian phone number, kept in E.164 form."""

    def __init__(self, **options):
        super().__init__(PHONE_NUMBER, 32, "Enter a valid Indian phone number.", **options)

    def to_internal_value(self, data):
        digits = re.sub(r"\D", "", super().to_internal_value(data))
        return f"+91{digits[-10:]}"


class ReferenceSerializer(serializers.Serializer):
    """A lead by its lead_id."""

    lead_id = LeadIdField()


class ConversionSerializer(ReferenceSerializer):
    """A lead, and why it counts as converted: 32 characters."""

    detail = TextField(LINE, 32, "Ensure this field has no more than 32 visible characters.")


class LeadSerializer(ReferenceSerializer):
    """A lead with its custom fields: whatever else is in the object."""

    phone_number = PhoneNumberField()
    contact_name = TextField(NAME, 255, "Not a valid name.")

    def to_internal_value(self, data):
        errors = {}
        try:
            lead = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, dict):
                raise
            errors = dict(error.detail)
        custom = {name: value for name, value in data.items() if name not in self.fields}
        for name, value in custom.items():
            if not is_text(name, LINE, 255):
                errors["non_field_errors"] = ["Not a valid name of a field."]
            elif why := wrong_custom_value(value):
                errors[name] = [why]
        if errors:
            raise serializers.ValidationError(errors)
        return {**lead, "custom_fields": custom}


class ChangeSerializer(LeadSerializer):
    """New values for some fields of a lead."""

    phone_number = PhoneNumberField(required=False)
    contact_name = TextField(NAME, 255, "Not a valid name.", required=False)


def wrong_custom_value(value):
    if isinstance(value, str) and ("\0" in value or not can_be_stored(value)):
        return "Null characters are not allowed."
    if isinstance(value, int | float) and not isinstance(value, bool) and not -LARGEST <= value <= LARGEST:
        return "Ensure this value is within 2^53."
    return ""


class ProcessedLeadSerializer(serializers.BaseSerializer):
    """A processed lead as it is listed."""

    def to_representation(self, lead):
        processed_at = datetime.fromtimestamp(lead.processed_at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "lead_id": lead.lead_id,
            "phone_number": lead.phone_number,
            "contact_name": lead.contact_name,
            "created_at": lead.created_at,
            "campaign_id": lead.campaign_id,
            "latest_recording_url": None,
            "latest_called_at": processed_at,
            "lead_outcome": "Connected : Objective Met",
            "processed_at": processed_at,
            "lead_responses": {"interested": "yes"},
        }


def now():
    return int(time.time())
