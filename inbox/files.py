"""Give out our copies of attachments and of contacts' pictures. `channels_tiktok/files.py` does it safely.

Whoever calls has asked `inbox/access.py` first.
"""

from django.http import HttpRequest, HttpResponseBase

from channels_tiktok import files
from channels_tiktok.media import EXTENSIONS
from inbox.models import Attachment, Contact, Post, Preferences


def answer_attachment(request: HttpRequest, attachment: Attachment, *, as_thumbnail: bool) -> HttpResponseBase:
    """An attachment's file, or its small picture; Http404 while there is none."""
    file = attachment.thumbnail if as_thumbnail else attachment.file
    suffix = str(file.name).rsplit(".", 1)[-1]
    content_type = _type_of(suffix) if as_thumbnail else attachment.content_type
    name = f"{attachment.kind}-{attachment.pk}.{suffix}"
    return files.answer(request, file, content_type=content_type, name=name)


def answer_portrait(request: HttpRequest, contact: Contact) -> HttpResponseBase:
    """A contact's picture; Http404 while there is none."""
    return files.answer(request, contact.picture, content_type="image/jpeg", name=f"contact-{contact.pk}.jpg")


def answer_post_picture(request: HttpRequest, post: Post) -> HttpResponseBase:
    """A post's small picture; Http404 while there is none."""
    suffix = str(post.thumbnail.name).rsplit(".", 1)[-1]
    return files.answer(request, post.thumbnail, content_type=_type_of(suffix), name=f"post-{post.pk}.{suffix}")


def answer_face(request: HttpRequest, preferences: Preferences) -> HttpResponseBase:
    """A colleague's picture; Http404 while there is none."""
    return files.answer(
        request, preferences.picture, content_type="image/jpeg", name=f"person-{preferences.pk}.jpg"
    )


def _type_of(suffix: str) -> str:
    return next((kind for kind, extension in EXTENSIONS.items() if extension == suffix), "")
