"""Addresses of the agents' pages."""

from django.urls import path

from inbox.views import changes, files, live, pages, preferences, profile

app_name = "inbox"
urlpatterns = [
    path("", pages.show_list, name="list"),
    path("rows/", pages.show_more_rows, name="rows"),
    path("live/", live.show_changes, name="live"),
    path("attachments/<int:attachment_id>/", files.show_attachment, name="attachment"),
    path("attachments/<int:attachment_id>/thumbnail/", files.show_thumbnail, name="thumbnail"),
    path("contacts/<int:contact_id>/picture/", files.show_portrait, name="portrait"),
    path("<int:conversation_id>/", pages.show_conversation, name="conversation"),
    path("<int:conversation_id>/earlier/", pages.show_earlier, name="earlier"),
    path("<int:conversation_id>/reply/", changes.reply, name="reply"),
    path("<int:conversation_id>/draft/", changes.save_draft, name="draft"),
    path("messages/<int:message_id>/cancel/", changes.cancel, name="cancel"),
    path("messages/<int:message_id>/again/", changes.send_again, name="send-again"),
    path("people/<int:person_id>/picture/", files.show_face, name="face"),
    path("profile/", profile.show_profile, name="profile"),
    path("profile/token/", profile.change_token, name="token"),
    path("preferences/", preferences.show_preferences, name="preferences"),
    path("<int:conversation_id>/seen/", changes.mark_seen, name="seen"),
    path("<int:conversation_id>/status/", changes.set_status, name="status"),
    path("<int:conversation_id>/assign/", changes.assign, name="assign"),
]
