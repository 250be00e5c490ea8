"""A stand-in for SquadIQ on Django REST framework, written from the API's public documentation: see README.md."""
