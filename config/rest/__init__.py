"""What every REST endpoint shares, whichever app it belongs to: errors, permissions, pages, description."""

from config.rest.errors import Conflict
from config.rest.schema import answers
from config.rest.views import NothingHere, RestViewSet

__all__ = ["Conflict", "NothingHere", "RestViewSet", "answers"]
