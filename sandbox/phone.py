"""The page that looks like a phone; everything on it goes through the control API."""

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response

phone = Blueprint("phone", __name__)


@phone.get("/")
def home() -> Response:
    """The sandbox has one page."""
    return redirect("/phone/")


@phone.get("/phone/")
def page() -> str:
    """The page; its script fills it from `/sandbox/api/phone`."""
    return render_template("phone.html")
