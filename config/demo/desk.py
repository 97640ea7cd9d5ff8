"""What the demo's people work with, and what they did this morning: labels, a team, saved replies, a note."""

from datetime import datetime

from django.contrib.auth.models import User

from inbox import notes, saved_views, working
from inbox.models import Conversation, Label, SavedReply, Team

LABELS = [("Order", "blue"), ("Complaint", "red"), ("Booking", "violet"), ("VIP", "amber")]
REPLIES = [
    ("Opening hours", "hours", "Hi {{contact.name}}! We are open every day from 8:00 to 21:00."),
    ("Where is my order", "order", "I am sorry, {{contact.name}}! Can you send me the number of your order?"),
    ("Thank you", "thanks", "Thank you, {{contact.name}}! Greetings from {{channel.name}}, {{agent.first_name}}"),
]


def set_up() -> None:
    """Make what is missing of labels, saved replies and the team of Ana and Ben."""
    for name, colour in LABELS:
        Label.objects.get_or_create(name=name, defaults={"colour": colour})
    for title, shortcut, text in REPLIES:
        SavedReply.objects.get_or_create(title=title, owner=None, defaults={"shortcut": shortcut, "text": text})
    team, is_new = Team.objects.get_or_create(name="Counter")
    if is_new:
        team.members.set(User.objects.filter(username__in=("ana", "ben")))


def begin_the_day(*, at: datetime) -> None:
    """What Ana and Ben did before anybody looked: one conversation is Ana's, one is the team's."""
    ana, ben = User.objects.get(username="ana"), User.objects.get(username="ben")
    labels = {label.name: label for label in Label.objects.all()}

    def of(username: str) -> Conversation:
        return Conversation.objects.get(contact__username=username)

    citra, budi, mei = of("citra.dw"), of("budi.s"), of("mei.tan")
    working.set_labels(user=ana, conversation_id=citra.pk, labels=[labels["Order"], labels["Complaint"]], at=at)
    working.assign(user=ana, conversation_id=citra.pk, assignee=ana, at=at)
    text = "The courier lost it. @ben, can you pack another one today?"
    notes.add(user=ana, conversation_id=citra.pk, text=text, at=at)
    working.set_labels(user=ben, conversation_id=budi.pk, labels=[labels["Booking"]], at=at)
    working.assign_team(user=ben, conversation_id=budi.pk, team=Team.objects.get(name="Counter"), at=at)
    working.assign(user=ben, conversation_id=mei.pk, assignee=ben, at=at)
    saved_views.save(user=ana, name="Complaints", query="label:complaint status:open", is_shared=False)
