"""TikTok's API of ads over HTTP: a method per endpoint (docs/tiktok-api.md 1.7 and 6).

It speaks through `channels_tiktok.client`, with that module's guarantee. An advertiser's token doesn't work for
messages, and an account's token doesn't work here.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.translation import gettext_noop

from channels_tiktok import answers
from channels_tiktok.answers import AdAccess, LeadTask, Media, Named, Receipt
from channels_tiktok.client import TikTok, tiktok
from channels_tiktok.errors import OutcomeUnknown

EVENTS_PER_CALL = 1_000  # docs/tiktok-api.md 6.4: more, and TikTok refuses the whole request
PAGE = 100
MOST_PAGES = 20


def tiktok_ads() -> "TikTokAds":
    """Give the client of ads for the app as it is now."""
    return TikTokAds(tiktok())


def consent_url(*, redirect_uri: str, state: str) -> str:
    """The page of TikTok's on which an advertiser lets us in."""
    address = settings.TIKTOK_API_URL.split("/open_api/")[0] + "/portal/auth"
    return f"{address}?{urlencode({'app_id': tiktok().app_id, 'redirect_uri': redirect_uri, 'state': state})}"


class TikTokAds:
    """TikTok's API of ads for one app."""

    def __init__(self, api: TikTok) -> None:
        self._api = api

    @property
    def is_set_up(self) -> bool:
        """Whether this installation has a TikTok app at all."""
        return bool(self._api.app_id and self._api.app_secret)

    # ── Permission of an advertiser: docs/tiktok-api.md 1.7 ───────────────────────────────────────────

    def exchange_code(self, *, code: str) -> AdAccess:
        """Turn the consent page's code into a token that has no end."""
        data = self._api.post("/oauth2/access_token/", {**self._app(), "auth_code": code})
        access = AdAccess(
            access_token=answers.text_in(data, "access_token"),
            advertiser_ids=answers.texts_in(data, "advertiser_ids"),
            scopes=answers.texts_in(data, "scope"),
        )
        if not access.access_token:
            raise OutcomeUnknown(gettext_noop("TikTok's answer to the consent was incomplete. Start again."))
        return access

    def advertisers(self, *, token: str) -> list[Named]:
        """The advertisers that a token speaks for; the probe whether it still does."""
        data = self._api.get("/oauth2/advertiser/get/", self._app(), token)
        return answers.named_in(data, "list", id_key="advertiser_id", name_key="advertiser_name")

    def revoke(self, *, token: str) -> None:
        """Give the access back to TikTok."""
        self._api.post("/oauth2/revoke_token/", {**self._app(), "access_token": token})

    # ── Leads: docs/tiktok-api.md 6.2 and 6.3 ─────────────────────────────────────────────────────────

    def subscribe(self, *, token: str, advertiser_id: str, lead_source: str, callback_url: str) -> str:
        """Have new leads of one source delivered to `callback_url`; give the subscription's id."""
        detail = {"access_token": token, "lead_source": lead_source, "advertiser_id": advertiser_id}
        body = {"subscribe_entity": "LEAD", "callback_url": callback_url, "subscription_detail": detail}
        data = self._api.post("/subscription/subscribe/", {**self._app(), **body})
        subscription_id = answers.text_in(data, "subscription_id")
        if not subscription_id:
            raise OutcomeUnknown(gettext_noop("TikTok took the subscription but did not name it."))
        return subscription_id

    def subscription_ids(self) -> set[str]:
        """The subscriptions to leads that TikTok still knows. Withdrawing an access ends them without a word."""
        found: set[str] = set()
        for page in range(1, MOST_PAGES + 1):
            paging = {"subscribe_entity": "LEAD", "page": str(page), "page_size": str(PAGE)}
            data = self._api.get("/subscription/get/", {**self._app(), **paging})
            listed = answers.objects_in(data, "subscriptions")
            found |= {answers.text_in(one, "subscription_id") for one in listed}
            if len(listed) < PAGE:
                break
        return found

    def unsubscribe(self, *, subscription_id: str) -> None:
        """End a subscription."""
        self._api.post("/subscription/unsubscribe/", {**self._app(), "subscription_id": subscription_id})

    def lead_forms(self, *, token: str, advertiser_id: str) -> list[Named]:
        """The advertiser's lead forms."""
        found: list[Named] = []
        for page in range(1, MOST_PAGES + 1):
            params = {
                "advertiser_id": advertiser_id,
                "business_type": "LEAD_GEN",
                "page": str(page),
                "page_size": str(PAGE),
            }
            data = self._api.get("/page/get/", params, token)
            listed = answers.named_in(data, "list", id_key="page_id", name_key="title")
            found += listed
            if len(listed) < PAGE:
                break
        return found

    def newest_lead(
        self, *, token: str, advertiser_id: str, lead_source: str, page_id: str = ""
    ) -> dict[str, Any]:
        """The newest lead, as `lead_data` and `meta_data`; empty where there is none. Forms need their id."""
        params = {"lead_source": lead_source, "advertiser_id": advertiser_id}
        return self._api.get("/lead/get/", {**params, **({"page_id": page_id} if page_id else {})}, token)

    def ask_for_leads(
        self, *, token: str, advertiser_id: str, ad_id: str = "", page_id: str = "", task_id: str = ""
    ) -> LeadTask:
        """Have TikTok write a file of all leads of an ad or a form; with `task_id`, ask how far it is."""
        named = {"ad_id": ad_id, "page_id": page_id, "task_id": task_id}
        given = {name: value for name, value in named.items() if value}
        data = self._api.post("/page/lead/task/", {"advertiser_id": advertiser_id, **given}, token)
        return LeadTask(
            task_id=answers.text_in(data, "task_id") or task_id,
            status=answers.text_in(data, "status").upper(),
            file_type=answers.text_in(data, "file_type").lower(),
        )

    def download_leads(self, *, token: str, advertiser_id: str, task_id: str, limit: int) -> Media:
        """Fetch the file that a task has written, up to `limit` bytes: CSV, or a zip of it."""
        params = {"task_id": task_id, "advertiser_id": advertiser_id}
        return self._api.download("/page/lead/task/download/", params, token, limit=limit)

    # ── Events: docs/tiktok-api.md 6.4 ────────────────────────────────────────────────────────────────

    def event_sets(self, *, token: str, advertiser_id: str) -> list[Named]:
        """The advertiser's CRM event sets, at most 50."""
        data = self._api.get("/crm/list/", {"advertiser_id": advertiser_id}, token)
        return answers.named_in(data, "crm_event_sets", id_key="event_set_id", name_key="name")

    def track(
        self, *, token: str, event_set_id: str, events: Sequence[dict[str, Any]], test_event_code: str = ""
    ) -> Receipt:
        """Tell TikTok what became of leads, at most 1,000 events. Repeating one within 48 h does no harm."""
        if not 0 < len(events) <= EVENTS_PER_CALL:
            raise ValueError(f"A call takes 1 to {EVENTS_PER_CALL} events.")
        body: dict[str, Any] = {"event_source": "crm", "event_source_id": event_set_id, "data": list(events)}
        if test_event_code:
            body["test_event_code"] = test_event_code
        return self._api.post_for_receipt("/event/track/", body, token)

    def _app(self) -> dict[str, str]:
        return {"app_id": self._api.app_id, "secret": self._api.app_secret}
