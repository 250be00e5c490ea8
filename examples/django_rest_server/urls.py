"""Where the operations are."""

from __future__ import annotations

from django.urls import re_path

from django_rest_server import views

VIEWS = {
    "create": views.CreateLeads,
    "responses": views.ListLeads,
    "disable": views.DisableLeads,
    "delete": views.DeleteLead,
    "update": views.UpdateLead,
    "convert": views.ConvertLead,
}
urlpatterns = [
    re_path(rf"\Aapi/v4/leads/{name}/(?P<campaign_id>[A-Za-z0-9_-]{{1,64}})/\Z", view.as_view())
    for name, view in VIEWS.items()
]
handler400 = views.told(400, "Bad request.")
handler404 = views.told(404, "Not found.")
handler500 = views.told(500, "Internal server error.")
