"""The six operations."""

from __future__ import annotations

from django.db import transaction
from django.http import JsonResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from django_rest_server.models import StoredLead
from django_rest_server.pagination import WHOLE, LeadPages
from django_rest_server.serializers import (
    LEAD_ID,
    ChangeSerializer,
    ConversionSerializer,
    LeadSerializer,
    ProcessedLeadSerializer,
    ReferenceSerializer,
    is_text,
    now,
)

LATEST = 253402300799


class CreateLeads(APIView):
    http_method_names = ("post",)

    def post(self, request, campaign_id):
        many = isinstance(request.data, list)
        options = {"many": True, "allow_empty": False} if many else {}
        serializer = LeadSerializer(data=request.data, **options)
        serializer.is_valid(raise_exception=True)
        leads = serializer.validated_data if many else [serializer.validated_data]
        with transaction.atomic():
            for lead in leads:
                self.store(campaign_id, lead)
        return Response({"created": len(leads)}, status=201)

    def store(self, campaign_id, lead):
        StoredLead.objects.update_or_create(
            campaign_id=campaign_id,
            lead_id=lead["lead_id"],
            defaults={**lead, "created_at": now(), "processed_at": None, "disabled": False, "detail": None},
        )


class DisableLeads(APIView):
    http_method_names = ("post",)

    def post(self, request, campaign_id):
        many = isinstance(request.data, list)
        options = {"many": True, "allow_empty": False} if many else {}
        serializer = ReferenceSerializer(data=request.data, **options)
        serializer.is_valid(raise_exception=True)
        leads = serializer.validated_data if many else [serializer.validated_data]
        lead_ids = [lead["lead_id"] for lead in leads]
        found = 0
        with transaction.atomic():
            for start in range(0, len(lead_ids), 500):
                chosen = StoredLead.objects.filter(campaign_id=campaign_id, lead_id__in=lead_ids[start : start + 500])
                found += chosen.update(disabled=True)
        return Response({"disabled": found}, status=201)


class OneLead(APIView):
    """What the operations on a single lead have in common."""

    serializer_class = ReferenceSerializer
    status = 200

    def answer(self, request, campaign_id):
        serializer = self.serializer_class(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = dict(serializer.validated_data)
        with transaction.atomic():
            lead = StoredLead.objects.filter(campaign_id=campaign_id, lead_id=fields.pop("lead_id")).first()
            if lead is None:
                raise NotFound
            self.act(lead, fields)
        return Response({"lead_id": lead.lead_id}, status=self.status)


class UpdateLead(OneLead):
    http_method_names = ("patch",)
    serializer_class = ChangeSerializer

    def patch(self, request, campaign_id):
        return self.answer(request, campaign_id)

    def act(self, lead, fields):
        lead.custom_fields |= fields.pop("custom_fields")
        for name, value in fields.items():
            setattr(lead, name, value)
        lead.save()


class ConvertLead(OneLead):
    http_method_names = ("post",)
    serializer_class = ConversionSerializer

    def post(self, request, campaign_id):
        return self.answer(request, campaign_id)

    def act(self, lead, fields):
        lead.detail = fields["detail"]
        lead.save()


class DeleteLead(OneLead):
    http_method_names = ("post",)
    status = 202

    def post(self, request, campaign_id):
        return self.answer(request, campaign_id)

    def act(self, lead, fields):
        lead.delete()


class ListLeads(ListAPIView):
    http_method_names = ("get",)
    serializer_class = ProcessedLeadSerializer
    pagination_class = LeadPages

    def get_queryset(self):
        query = self.request.query_params
        leads = StoredLead.objects.filter(campaign_id=self.kwargs["campaign_id"], processed_at__isnull=False)
        if "lead_id" in query:
            if not is_text(query["lead_id"], LEAD_ID, 255):
                raise ValidationError({"lead_id": ["Not a valid lead_id."]})
            leads = leads.filter(lead_id=query["lead_id"])
        for name, lookup in (("processed_after", "processed_at__gte"), ("processed_before", "processed_at__lte")):
            if name in query:
                leads = leads.filter(**{lookup: self.seconds(name, query[name])})
        return leads.order_by("processed_at", "pk")

    def seconds(self, name, text):
        if not WHOLE.fullmatch(text) or int(text) > LATEST:
            raise ValidationError({name: ["Give seconds since the epoch."]})
        return int(text)


def told(status, words):
    """Return a view for what the framework would tell in HTML."""
    return lambda request, exception=None: JsonResponse({"detail": words}, status=status)
