"""Models and client of the SquadIQ API.

Written by `make generate` from openapi/squadiq.yaml. Not to be edited."""
