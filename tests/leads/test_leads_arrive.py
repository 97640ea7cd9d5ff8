"""A lead is one row, whichever way and however often TikTok tells of it."""

import hashlib
import hmac
import io
import json
import zipfile

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from channels_tiktok.answers import Media
from channels_tiktok.models import LeadDelivery
from leads import incoming, pulling, receiving
from leads.models import Lead
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ADDRESS = "/webhooks/tiktok/leads/"
ANSWERS = {"name": "Ayu", "phone_number": "+620000000000", "email": "Ayu@Example.com"}


def post(client, content, signature):
    return client.post(
        ADDRESS, content, content_type="application/json", headers={"X-Open-Signature": signature}
    ).status_code


def signed(content: bytes) -> str:
    return hmac.new(settings.TIKTOK_APP_SECRET.encode(), content, hashlib.sha256).hexdigest()


def drain():
    receiving.drain(clock=timezone.now)


def pull(account, clock):
    pulling.plan(account=account, at=clock())
    for _ in range(10):
        pulling.work(clock=clock)
        due = pulling.next_look()
        if due is None:
            return
        clock.at = due
    raise AssertionError("the files were never complete")


def test_the_contracts_signature_vector_is_accepted(client, settings):
    settings.TIKTOK_APP_SECRET = "example_app_secret_0001"
    start = b'{"request_id":"R1","object":1,"time":1785000000,"entry":[{"id":"7","changes":[{"field":"name",'
    start += b'"value":"Zo'
    signature = "89aa2298d5622bf9983ff2b284e081a80e2011716596561c36c9bf149b38282f"
    escaped, plain = start + b'\\u00eb"}]}]}', start + 'ë"}]}]}'.encode()
    assert post(client, escaped, signature) == 200
    assert post(client, plain, signature) == 200
    assert post(client, plain.replace(b"R1", b"R2"), signature) == 401
    assert post(client, escaped, "") == 401
    assert LeadDelivery.objects.count() == 2


def test_the_signature_is_looked_at_before_anything_else(client):
    assert post(client, b"{not json", "0" * 64) == 401
    assert not LeadDelivery.objects.exists()
    content = b"{not json"
    assert post(client, content, signed(content)) == 200
    assert LeadDelivery.objects.get().state == "failed"
    assert client.get(f"{ADDRESS}?challenge=abc").content == b"abc"
    assert post(client, b" " * 1_000_001, "0") == 413


def test_a_submitted_form_becomes_a_lead_with_its_answers_and_ad(tiktok, account):
    number = tiktok.submit(ANSWERS)
    tiktok.deliver()
    drain()
    lead = Lead.objects.get()
    assert lead.tiktok_lead_id == number
    assert lead.answers[1] == {"question": "phone_number", "answer": "+620000000000"}
    assert (lead.name, lead.ad_name, lead.campaign_name) == ("Ayu", "Raya promo – DM", "Raya")
    assert (lead.stage, lead.source, lead.conversation) == ("raw", "INSTANT_FORM", None)
    assert lead.email_digest == hashlib.sha256(b"ayu@example.com").hexdigest()
    assert lead.phone_digest == hashlib.sha256(b"+620000000000").hexdigest()


def test_delivered_twice_and_in_either_form_it_is_kept_once(tiktok, account):
    tiktok.control("/webhooks", twice=True)
    tiktok.submit({**ANSWERS, "name": "Zoë"}, ascii=False)
    tiktok.deliver()
    drain()
    delivery = LeadDelivery.objects.get()
    assert delivery.state == "processed"
    assert Lead.objects.get().name == "Zoë"


def test_webhook_pull_and_file_tell_of_the_same_leads_and_each_is_kept_once(tiktok, account, clock):
    told = tiktok.submit(ANSWERS)
    tiktok.deliver()
    drain()
    missed = tiktok.submit({**ANSWERS, "name": "Budi"}, silently=True)
    message = tiktok.control(
        "/ads/leads", advertiser_id=account.advertiser_id, answers={"name": "Citra"}, silently=True
    )["lead_id"]
    pull(account, clock)
    pull(account, clock)
    assert set(Lead.objects.values_list("tiktok_lead_id", flat=True)) == {told, missed, message}
    assert Lead.objects.get(tiktok_lead_id=missed).answers[0] == {"question": "name", "answer": "Budi"}
    assert Lead.objects.get(tiktok_lead_id=missed).campaign_id == "1800000000000001"
    assert Lead.objects.get(tiktok_lead_id=message).source == "DIRECT_MESSAGE"


def test_a_large_file_comes_packed(tiktok, account, clock):
    tiktok.control("/ads/settings", largest_lead_csv=10)
    numbers = {tiktok.submit(ANSWERS, silently=True) for _ in range(3)}
    pull(account, clock)
    assert set(Lead.objects.values_list("tiktok_lead_id", flat=True)) == numbers


def test_leads_of_an_ad_come_by_the_file_of_the_ad(tiktok, shop, account, clock):
    for name in ("Ayu", "Budi"):
        tiktok.control(
            "/ads/leads",
            advertiser_id=account.advertiser_id,
            answers={"name": name},
            silently=True,
            ad_id="1800000000000077",
        )
    pull(account, clock)  # only the newest is told until its ad is known
    pull(account, clock)
    assert set(Lead.objects.values_list("name", flat=True)) == {"Ayu", "Budi"}


def test_a_number_a_text_and_a_quoted_id_are_the_same_lead(account):
    for written in (7500000000000000031, "7500000000000000031"):
        lead = incoming.from_webhook({"id": written, "create_time": 1785000590}, at=NOW)
        receiving.take_in(lead, account=account, at=NOW)
    content = b"Lead ID,Created Time,Name\n'7500000000000000031,2026-07-25 17:29:50,Ayu\n"
    (lead,) = incoming.from_file(Media(content, "text/csv"), at=NOW)
    receiving.take_in(lead, account=account, at=NOW)
    assert Lead.objects.get().tiktok_lead_id == "7500000000000000031"


@pytest.mark.parametrize("written", ["7.5E+18", "", "abc"])
def test_an_id_that_has_lost_its_digits_is_told_never_guessed(written):
    content = f"lead_id,name\n{written},Ayu\n".encode()
    with pytest.raises(incoming.UnreadableLead):
        list(incoming.from_file(Media(content, "text/csv"), at=NOW))


def test_a_zip_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(incoming, "LARGEST_CONTENT", 1_000_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leads.csv", b"lead_id\n" + b"1\n" * 2_000_000)
    assert len(packed.getvalue()) < 10_000
    with pytest.raises(incoming.UnreadableLead, match="too large"):
        list(incoming.from_file(Media(packed.getvalue(), "application/zip"), at=NOW))


def test_a_broken_zip_is_refused_in_words():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leads.csv", b"lead_id\n1\n" * 100)
    content = packed.getvalue()
    broken = content[:40] + b"\xff\xff\xff\xff" + content[44:]
    with pytest.raises(incoming.UnreadableLead):
        list(incoming.from_file(Media(broken, "application/zip"), at=NOW))


def test_a_lead_of_an_advertiser_that_is_not_connected_waits_for_it(tiktok, client, shop):
    entry = {"id": 7, "advertiser_id": 7300000000000000011, "changes": [{"field": "name", "value": "Ayu"}]}
    content = json.dumps({"request_id": "R", "object": 1, "entry": [entry]}).encode()
    assert post(client, content, signed(content)) == 200
    drain()
    assert LeadDelivery.objects.get().state == "ignored"
    assert "7300000000000000011" in LeadDelivery.objects.get().error
    tiktok.connect_ads(shop)
    drain()
    assert Lead.objects.get().name == "Ayu"


def test_one_bad_delivery_stops_no_other(tiktok, client, account):
    bad = json.dumps({"object": 1, "entry": [{"id": "x", "advertiser_id": account.advertiser_id}]}).encode()
    assert post(client, bad, signed(bad)) == 200
    tiktok.submit(ANSWERS)
    tiktok.deliver()
    drain()
    assert sorted(LeadDelivery.objects.values_list("state", flat=True)) == ["failed", "processed"]
    assert Lead.objects.count() == 1


def test_reading_is_put_off_while_tiktok_is_away(tiktok, account, clock):
    tiktok.submit(ANSWERS, silently=True)
    pulling.plan(account=account, at=clock())
    tiktok.fault("code", path="page/lead/task", code=50000)
    pulling.work(clock=clock)
    assert not Lead.objects.exists()
    for _ in range(4):
        clock.at = pulling.next_look() or clock.at
        pulling.work(clock=clock)
    assert Lead.objects.count() == 1


def test_the_command_reads_leads_and_says_how_many(tiktok, account, capsys):
    tiktok.control("/ads/settings", lead_task_questions=0)
    tiktok.control("/ads/leads", advertiser_id=account.advertiser_id, answers=ANSWERS, silently=True)
    call_command("sync_leads", wait=0)
    said = capsys.readouterr().out
    assert "Kopi Corner Ads: asked for 2 file(s) of leads" in said
    assert "1 new lead(s)." in said
    call_command("sync_leads", wait=0)
    assert "0 new lead(s)." in capsys.readouterr().out
    assert Lead.objects.count() == 1


def test_the_command_ends_with_an_error_when_tiktok_refuses(tiktok, account, capsys):
    tiktok.control("/ads/revoke", advertiser_id=account.advertiser_id)
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("sync_leads")
    assert "no longer accepts this ad account" in capsys.readouterr().err
