"""Make, edit and remove message links.

Guarantee: an address that was ever shared is never changed, only joined by another. A channel never has the same
address twice, so that each arrival tells by which version the customer came; and an address that a link has had
before becomes its current one again instead of a second row.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_tiktok.models import Channel
from config.tasks import ring
from messagelinks.addresses import address_of, characters_in, fingerprint
from messagelinks.models import MESSAGE_LIMIT, REF_LIMIT, TITLE_LIMIT, LinkVersion, MessageLink

PLACES_LIMIT = 5_000


class LinkRefused(Exception):
    """A link that can't be. `errors` has a sentence for each field that is wrong."""

    def __init__(self, **errors: str) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Wanted:
    """What a link shall be: checked, and in the form in which it is kept."""

    title: str
    ref: str
    message: str

    @classmethod
    def checked(cls, *, title: str, ref: str, message: str) -> "Wanted":
        """Raise LinkRefused with a sentence for each field that can't be."""
        # Browsers send line breaks as two characters; a customer's input has one.
        wanted = cls(title.replace("\0", "").strip(), ref.strip(), _with_single_breaks(message))
        wrong = {
            "title": _wrong_title(wanted.title),
            "ref": _wrong_ref(wanted.ref),
            "message": _wrong_message(wanted.message),
        }
        errors = {field: sentence for field, sentence in wrong.items() if sentence}
        if errors:
            raise LinkRefused(**errors)
        return wanted


def create(
    *, channel: Channel, title: str, ref: str = "", message: str, actor: User | None, at: datetime
) -> MessageLink:
    """Make a link for `channel` with its first version. Raises LinkRefused."""
    wanted = Wanted.checked(title=title, ref=ref, message=message)
    with _one_address_once(channel.pk, wanted), transaction.atomic():
        locked = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
        if locked.status == Channel.Status.REMOVED:
            raise LinkRefused(
                title=_("%(name)s was removed: connect it again to make links.") % {"name": locked.name}
            )
        link = MessageLink.objects.create(channel=locked, title=wanted.title, created_at=at, created_by=actor)
        _add_version(link, wanted, number=1, actor=actor, at=at)
    return link


@dataclass(frozen=True)
class Edited:
    """What an edit did. `former` is the version that was current, where there is another one now."""

    has_changed: bool
    former: LinkVersion | None = None


def edit(
    *,
    link: MessageLink,
    title: str | None = None,
    ref: str | None = None,
    message: str | None = None,
    actor: User | None,
    at: datetime,
) -> Edited:
    """Change what is given. Another ref or text makes another version; the title alone doesn't.

    Raises LinkRefused.
    """
    version = current_version(link)
    wanted = Wanted.checked(
        title=link.title if title is None else title,
        ref=version.ref if ref is None else ref,
        message=version.message if message is None else message,
    )
    with _one_address_once(link.channel_id, wanted, besides=link), transaction.atomic():
        locked = MessageLink.objects.select_for_update(no_key=True).select_related("channel").get(pk=link.pk)
        version = current_version(locked)
        renamed = locked.title != wanted.title
        if renamed:
            MessageLink.objects.filter(pk=link.pk).update(title=wanted.title)
        link.title = wanted.title
        if (version.ref, version.message) == (wanted.ref, wanted.message):
            return Edited(has_changed=renamed)
        _replace(version, locked, wanted, actor=actor, at=at)
    return Edited(has_changed=True, former=version)


def _replace(version: LinkVersion, link: MessageLink, wanted: Wanted, *, actor: User | None, at: datetime) -> None:
    """Make what is wanted current in the place of `version`: as a new version, or as one that it was before."""
    LinkVersion.objects.filter(pk=version.pk).update(is_current=False)
    earlier = link.versions.filter(ref=wanted.ref, message=wanted.message)
    if earlier.update(is_current=True, username=link.channel.username):
        return
    newest = link.versions.order_by("-number").values_list("number", flat=True)[0]
    _add_version(link, wanted, number=newest + 1, actor=actor, at=at)


def _add_version(
    link: MessageLink, wanted: Wanted, *, number: int, actor: User | None, at: datetime
) -> LinkVersion:
    version = LinkVersion.objects.create(
        link=link,
        channel_id=link.channel_id,
        number=number,
        username=link.channel.username,
        ref=wanted.ref,
        message=wanted.message,
        fingerprint=fingerprint(ref=wanted.ref, message=wanted.message),
        made_at=at,
        made_by=actor,
    )
    _ring_attributing(version.pk)
    return version


def remove(*, link: MessageLink) -> bool:
    """Delete a link with its versions; say whether it was there. Shared copies go on working on TikTok.

    Customers who came, and who will come by those copies, keep the raw ref in their conversation.
    """
    deleted, _rows = MessageLink.objects.filter(pk=link.pk).delete()
    return bool(deleted)


def remove_links_of(channel: Channel, *, removed_at: datetime) -> int:
    """Delete the links of a channel that was removed at that time; give how many there were.

    Links that were made after the account had been connected again stay.
    """
    links = channel.message_links.all()
    if channel.status != Channel.Status.REMOVED:
        links = links.filter(created_at__lte=removed_at)
    numbers = list(links.values_list("pk", flat=True))
    MessageLink.objects.filter(pk__in=numbers).delete()
    return len(numbers)


def note_places(*, link: MessageLink, places: str) -> bool:
    """Keep where a link was shared, in the words of staff; say whether that changed. Raises LinkRefused."""
    wanted = _with_single_breaks(places).replace("\0", "").strip()
    if len(wanted) > PLACES_LIMIT:
        words = _("At most %(limit)s characters; these are %(n)s.")
        raise LinkRefused(places=words % {"limit": PLACES_LIMIT, "n": len(wanted)})
    if not _is_writable(wanted):
        raise LinkRefused(places=_("There is a character in it that is none."))
    changed = MessageLink.objects.filter(pk=link.pk).exclude(places=wanted).update(places=wanted)
    link.places = wanted
    return bool(changed)


def follow_username(*, link: MessageLink) -> bool:
    """Note that copies with the account's former username were replaced; say whether there were any."""
    versions = link.versions.filter(is_current=True).exclude(username=link.channel.username)
    return bool(versions.update(username=link.channel.username))


def current_version(link: MessageLink) -> LinkVersion:
    """The version whose address staff share now."""
    return link.versions.get(is_current=True)


def address(version: LinkVersion, *, username: str = "") -> str:
    """The address of a version as it was shared, or with the account's present `username`."""
    return address_of(username=username or version.username, ref=version.ref, message=version.message)


def others_with_ref(*, channel_id: int, ref: str, besides: MessageLink | None = None) -> QuerySet[MessageLink]:
    """Links whose tag is the same now: figures by tag count them together."""
    others = MessageLink.objects.filter(channel_id=channel_id, versions__is_current=True, versions__ref=ref)
    others = others.exclude(pk=besides.pk) if besides else others
    return others.order_by("title", "id") if ref else others.none()


def what_stops(channel: Channel) -> list[str]:
    """What a removal of `channel` deletes here: `channels_tiktok.dependents` asks."""
    number = channel.message_links.count()
    words = ngettext("%(n)s message link, deleted here", "%(n)s message links, deleted here", number)
    return [words % {"n": number}] if number else []


# ── What can be ───────────────────────────────────────────────────────────────────────────────────────


def _wrong_title(title: str) -> str:
    if not title:
        return _("A link needs a title. Customers never see it.")
    if len(title) > TITLE_LIMIT:
        words = _("A title can have %(limit)s characters; this one has %(n)s.")
        return words % {"limit": TITLE_LIMIT, "n": len(title)}
    return "" if _is_writable(title) else _("There is a character in it that is none.")


def _wrong_ref(ref: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_=-]*", ref):
        return _("A tag can have letters from a to z, digits, “-”, “_” and “=”, and no spaces.")
    if len(ref) > REF_LIMIT:
        return _("A tag can have %(limit)s characters; this one has %(n)s.") % {"limit": REF_LIMIT, "n": len(ref)}
    return ""


def _wrong_message(message: str) -> str:
    """500 is counted in Unicode characters, as the database does: an emoji may be made of several."""
    counted = characters_in(message)
    numbers = {"limit": MESSAGE_LIMIT, "n": counted, "of": len(message)}
    if not message.strip():
        return _("Write what the customer finds in the chat's input. They can change it before sending.")
    if not _is_writable(message):
        return _("There is a character in it that is none.")
    if counted > MESSAGE_LIMIT:
        return _("A prefilled message can have %(limit)s characters; this one has %(n)s.") % numbers
    if len(message) > MESSAGE_LIMIT:
        words = _(
            "It has %(n)s characters for the eye, but some, such as joined emoji, are made of several: "
            "%(of)s in all, and %(limit)s are possible."
        )
        return words % numbers
    return ""


def _is_writable(text: str) -> bool:
    """Whether every character can be stored and put into an address: no NUL, no half of a pair."""
    return "\0" not in text and not re.search(r"[\ud800-\udfff]", text)


def _with_single_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _one_address_once:
    """Says in words what `one_version_per_address_of_a_channel` refuses, also when two are made at once."""

    def __init__(self, channel_id: int, wanted: Wanted, *, besides: MessageLink | None = None) -> None:
        self.taken = LinkVersion.objects.filter(channel_id=channel_id, ref=wanted.ref, message=wanted.message)
        if besides:
            self.taken = self.taken.exclude(link=besides)

    def __enter__(self) -> None:
        self._refuse_if_taken()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, IntegrityError):
            self._refuse_if_taken()

    def _refuse_if_taken(self) -> None:
        other = self.taken.select_related("link").first()
        if other:
            words = _(
                "“%(title)s” has this address already, so nobody could say by which of the two a customer came. "
                "Change the tag or the message."
            )
            raise LinkRefused(message=words % {"title": other.link.title})


def _ring_attributing(version_id: int) -> None:
    ring("messagelinks.tasks.attribute_to_version", version_id)
