"""What the inbox shows of reports: an entry of the thread's menu, a mark, a section of details, a search word."""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from channels_tiktok.models import AdAccount
from inbox.additions import Addition, Place
from inbox.models import Conversation, ConversationEvent
from inbox.people import name_of
from spamreports.models import SpamReport
from spamreports.reporting import REPORT, Readiness, readiness, serving

VIEW = "spamreports.view_spamreport"
SET_UP = "channels_tiktok.connect_adaccount"


def has_reports() -> Exists:
    """Whether a conversation's contact was reported: a hint for `inbox.additions`."""
    return Exists(SpamReport.objects.filter(contact=OuterRef("contact")))


def has_ad_accounts() -> Exists:
    """Whether an ad account serves a conversation's channel: another hint."""
    return Exists(AdAccount.channels.through.objects.filter(channel=OuterRef("channel")))


def additions_for(conversation: Conversation, user: User, at: datetime) -> Iterator[Addition]:
    """What there is of reports: a query where the contact was reported, and one for who may report."""
    reports = _reports_of(conversation)
    if reports:
        yield Addition(Place.MARK, "spamreports/_mark.html")
        yield Addition(Place.DETAILS, "spamreports/_details.html", {"reports": reports})
    if not user.has_perm(REPORT):
        return
    accounts = serving(conversation) if getattr(conversation, "has_ad_accounts", True) else []
    ready = readiness(conversation, accounts)
    if ready.ad_account and any(one.ad_account_id == ready.ad_account.pk for one in reports):
        ready = Readiness(None, "already_reported", _("This contact has already been reported."))
    may_set_up = ready.code.startswith("no_") and user.is_staff and user.has_perm(SET_UP)
    yield Addition(Place.MENU, "spamreports/_menu.html", {"ready": ready, "may_set_up": may_set_up})


def _reports_of(conversation: Conversation) -> list[SpamReport]:
    if not getattr(conversation, "has_reports", True):
        return []
    reports = SpamReport.objects.filter(contact=conversation.contact_id)
    return list(reports.select_related("event", "ad_account", "reported_by").order_by("id"))


def told_reported(line: ConversationEvent) -> str:
    """What the thread says of a report: who, why, and what to do in TikTok Ads afterwards."""
    given = str(line.data.get("reason", ""))
    reason = str(SpamReport.Reason(given).label) if given in SpamReport.Reason.values else given
    return _(
        "%(actor)s reported this contact as spam to TikTok: %(reason)s. Next: look in TikTok Ads Manager for a "
        "response or changed delivery, and exclude the contact by hand when you make a new custom audience."
    ) % {"actor": name_of(line.actor) if line.actor else _("Someone"), "reason": reason[:1].lower() + reason[1:]}


def is_reported(value: str, user: User) -> Q:
    """`is:reported`: conversations whose contact was reported."""
    return Q(Exists(SpamReport.objects.filter(contact=OuterRef("contact"))))


def explain_reported(value: str, user: User) -> str:
    """Which conversations that finds, in words that follow "Conversations"."""
    return _("whose contact was reported as spam")
