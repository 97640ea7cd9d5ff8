"""Addresses of the agents' pages."""

from django.urls import path

from inbox.views import changes, files, live, pages, preferences, saved_views, several

app_name = "inbox"
urlpatterns = [
    path("", pages.show_list, name="list"),
    path("rows/", pages.show_more_rows, name="rows"),
    path("several/", several.change_several, name="several"),
    path("several/ask/", several.ask_several, name="ask-several"),
    path("several/undo/", several.undo_several, name="undo-several"),
    path("search-help/", pages.show_search_help, name="search-help"),
    path("views/new/", saved_views.make, name="new-view"),
    path("views/<int:view_id>/", saved_views.change, name="view"),
    path("views/<int:view_id>/remove/", saved_views.remove, name="remove-view"),
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
    path("preferences/", preferences.show_preferences, name="preferences"),
    path("<int:conversation_id>/seen/", changes.mark_seen, name="seen"),
    path("<int:conversation_id>/status/", changes.set_status, name="status"),
    path("<int:conversation_id>/assign/", changes.assign, name="assign"),
]
