"""What is stored of a lead."""

from __future__ import annotations

from django.db import models


class StoredLead(models.Model):
    """A lead of a campaign; times are seconds since the epoch."""

    campaign_id = models.CharField(max_length=64)
    lead_id = models.CharField(max_length=255)
    phone_number = models.CharField(max_length=13)
    contact_name = models.CharField(max_length=255)
    custom_fields = models.JSONField(default=dict)
    created_at = models.BigIntegerField()
    processed_at = models.BigIntegerField(null=True)
    disabled = models.BooleanField(default=False)
    detail = models.CharField(max_length=32, null=True)

    class Meta:
        db_table = "leads"
        constraints = (models.UniqueConstraint(fields=["campaign_id", "lead_id"], name="lead_id_once"),)

    def __str__(self):
        return f"lead {self.pk}"
