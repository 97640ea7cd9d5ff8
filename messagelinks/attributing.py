"""Keep by which link or ad each customer came, and what became of it.

Guarantee: whatever the order in which referrals, messages, replies and links become known, the arrivals end up the
same, because each is made anew from what the inbox holds about its conversation. The timeline only says which
conversations to look at; the cursor moves in the transaction that took its lines on, so that after a crash
nothing is missed, and nothing counts twice.

- An arrival belongs to the version with its ref and its prefilled text. Where TikTok gives no text, because it
  rejected it, to the newest version that had the ref then.
- No arrival belongs to a version that was made after it: that one was by an earlier link with the same address,
  which is no longer tracked. (TikTok's list gives links no time; those belong to whichever version fits.)
- The customer's first message after an arrival *starts* the conversation; the first reply of a person after that
  message *answers* it. Automatic messages answer nobody.
- What a removed channel leaves behind: its links are deleted.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from channels_tiktok.models import Channel, ChannelEvent
from inbox import timeline
from inbox.models import REPLY_WINDOW, ConversationEvent, Message, Referral
from inbox.windows import COUNTED
from messagelinks.addresses import fingerprint
from messagelinks.linking import remove_links_of
from messagelinks.models import ARRIVAL_REF_LIMIT, Arrival, Following, LinkVersion

LINES = 1_000
AT_ONCE = 500
# TikTok says nothing of the order of a referral and the first message, and its clock is not ours.
MESSAGE_MAY_COME_FIRST = timedelta(minutes=1)
CLOCKS_DIFFER_BY = timedelta(minutes=5)

Line = ConversationEvent.Kind
MATTERS = {
    Line.REFERRAL_ARRIVED,
    Line.MESSAGE_RECEIVED,
    Line.MESSAGE_SENT_OUTSIDE,
    Line.MESSAGE_TIMED,
    Line.MESSAGE_MERGED,
    Line.REPLY_SENT,
    Line.MESSAGES_READ,
}


def follow_timeline(*, clock: Callable[[], datetime], at_most: timedelta) -> int:
    """Take on what the timeline tells since the last time; give how many lines that were."""
    end = clock() + at_most
    Following.objects.get_or_create(pk=1)
    lines = 0
    while batch := _take_on():
        lines += batch
        if clock() >= end:
            break
    return lines


@transaction.atomic
def _take_on() -> int:
    """Take on the next lines; give how many there were. None while another worker is at it."""
    following = Following.objects.select_for_update(skip_locked=True).filter(pk=1).first()
    lines = timeline.lines_after(following.read_up_to, limit=LINES) if following else []
    if not following or not lines:
        return 0
    for line in lines:
        if line.kind == Line.CHANNEL_CHANGED and line.data.get("happened") == ChannelEvent.Kind.REMOVED:
            remove_links_of(Channel.objects.get(pk=line.channel_id), removed_at=line.at)
    attribute({line.conversation_id for line in lines if line.conversation_id and line.kind in MATTERS})
    Following.objects.filter(pk=following.pk).update(read_up_to=lines[-1].pk)
    return len(lines)


@transaction.atomic
def attribute_to_version(*, version_id: int) -> int:
    """Look again at the arrivals that a version may have brought before it was known; give how many there were."""
    version = LinkVersion.objects.filter(pk=version_id).first()
    if version is None:
        return 0
    Following.objects.get_or_create(pk=1)
    Following.objects.select_for_update().get(pk=1)  # whoever follows the timeline writes the same rows
    same_ref = Arrival.objects.filter(
        channel_id=version.channel_id, source=Referral.Source.SHORT_LINK, ref=version.ref
    )
    maybe = Q(arrived_at__gte=version.made_at - CLOCKS_DIFFER_BY) | Q(referral__is_arrival_known=False)
    found = sorted(set(same_ref.filter(maybe).values_list("conversation_id", flat=True)))
    for start in range(0, len(found), AT_ONCE):
        attribute(found[start : start + AT_ONCE])
    return len(found)


def attribute(conversation_ids: Collection[int]) -> None:
    """Make the arrivals of these conversations anew. Three queries, however many there are."""
    if not conversation_ids:
        return
    referrals = list(_referrals_of(conversation_ids))
    if not referrals:
        return
    versions = _candidates(referrals)
    arrivals: list[Arrival] = []
    for _conversation, of_one in groupby(referrals, key=lambda referral: referral.conversation_id):
        arrivals += _arrivals(list(of_one), versions)
    told = [field.attname for field in Arrival._meta.concrete_fields if not field.primary_key]
    Arrival.objects.bulk_create(arrivals, update_conflicts=True, unique_fields=["referral"], update_fields=told)


def _referrals_of(conversation_ids: Collection[int]) -> QuerySet[Any]:
    """The referrals of these conversations in the order of their arrival, with what came after each."""
    messages = Message.objects.filter(conversation=OuterRef("conversation_id")).order_by("occurred_at")
    first_message = messages.filter(
        direction=Message.Direction.INBOUND, occurred_at__gte=OuterRef("arrived_at") - MESSAGE_MAY_COME_FIRST
    )
    first_answer = messages.filter(
        direction=Message.Direction.OUTBOUND,
        source__in=COUNTED,
        state__in=[Message.State.SENT, Message.State.READ],
        occurred_at__gte=OuterRef("started_at"),
    )
    return (
        Referral.objects.filter(conversation__in=conversation_ids)
        .annotate(channel_id=F("conversation__channel_id"))
        .annotate(started_at=Subquery(first_message.values("occurred_at")[:1]))
        .annotate(answered_at=Subquery(first_answer.values("occurred_at")[:1]))
        .order_by("conversation_id", "arrived_at", "id")
    )


def _arrivals(referrals: list[Any], versions: list[LinkVersion]) -> list[Arrival]:
    """The arrivals of one conversation, in order."""
    arrivals: list[Arrival] = []
    waits = set()
    for referral in referrals:
        version = _version_of(referral, versions)
        started_at, answered_at = referral.started_at, referral.answered_at
        led_to = (referral.source, version and version.pk, referral.ref, referral.ad_id, started_at)
        wait = None
        if answered_at and led_to not in waits:
            waits.add(led_to)
            wait = int((answered_at - started_at).total_seconds())
        arrivals.append(
            Arrival(
                referral_id=referral.pk,
                channel_id=referral.channel_id,
                conversation_id=referral.conversation_id,
                version=version,
                source=referral.source,
                ref=unquote(referral.ref)[:ARRIVAL_REF_LIMIT],
                ad_id=referral.ad_id,
                ad_name=referral.ad_name,
                review=referral.audit_status.upper(),
                arrived_at=referral.arrived_at,
                is_first=referral is referrals[0],
                is_last=referral is referrals[-1],
                started_at=started_at,
                answered_at=answered_at,
                in_time=bool(answered_at) and answered_at < started_at + REPLY_WINDOW,
                answer_seconds=wait,
            )
        )
    return arrivals


# ── Which version ─────────────────────────────────────────────────────────────────────────────────────


def _candidates(referrals: Iterable[Any]) -> list[LinkVersion]:
    """Every version by which one of these may have come, the newest first."""
    links = [one for one in referrals if one.source == Referral.Source.SHORT_LINK]
    by_text = {_fingerprint(one) for one in links if one.prefilled_message}
    by_ref = {unquote(one.ref) for one in links if one.ref and not one.prefilled_message}
    if not by_text and not by_ref:
        return []
    channels = {one.channel_id for one in links}
    fits = Q(fingerprint__in=by_text) | Q(ref__in=by_ref)
    return list(LinkVersion.objects.filter(fits, channel__in=channels).order_by("-made_at", "-id"))


def _version_of(referral: Any, versions: list[LinkVersion]) -> LinkVersion | None:
    """The version that fits to the letter, else the newest that fits when TikTok has tidied its text up."""
    if referral.source != Referral.Source.SHORT_LINK:
        return None
    fits = [one for one in versions if one.channel_id == referral.channel_id and _fits(one, referral)]
    exactly = [one for one in fits if one.message == referral.prefilled_message]
    return next(iter(exactly or fits), None)


def _fits(version: LinkVersion, referral: Any) -> bool:
    if referral.is_arrival_known and version.made_at > referral.arrived_at + CLOCKS_DIFFER_BY:
        return False
    if referral.prefilled_message:
        return version.fingerprint == _fingerprint(referral)
    return bool(referral.ref) and version.ref == unquote(referral.ref)


def _fingerprint(referral: Any) -> str:
    return fingerprint(ref=referral.ref, message=referral.prefilled_message)
