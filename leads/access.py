"""Who may see and change which leads: the only way to fetch one for a person."""

from django.db.models import Q, QuerySet

from channels_tiktok.models import AdAccount
from inbox import access
from leads.models import Lead

VIEW = "leads.view_lead"
CHANGE = "leads.change_lead"
PERSONAL = "leads.view_personal_data"


def leads_for(user: access.Person) -> QuerySet[Lead]:
    """The leads that `user` may see: of ad accounts that serve a channel which `user` sees, or none yet.

    One that became a conversation which `user` doesn't see, or may have, is of that conversation's people.
    """
    if not user.has_perm(VIEW):
        return Lead.objects.none()
    seen = access.channels_for(user)
    accounts = AdAccount.objects.filter(Q(channels__isnull=True) | Q(channels__in=seen))
    there = Q(conversation__isnull=True) | Q(conversation__channel__in=seen)
    perhaps = Q(suggested__isnull=True) | Q(suggested__channel__in=seen)
    return Lead.objects.filter(there, perhaps, ad_account__in=accounts)


def lock_lead_for(user: access.Person, lead_id: int) -> Lead:
    """Give the lead with its row locked, to be changed; raise PermissionDenied or Lead.DoesNotExist."""
    access.require(user, CHANGE)
    return leads_for(user).select_for_update(of=("self",)).get(pk=lead_id)
