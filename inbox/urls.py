"""Addresses of the agents' pages."""

from django.urls import path

from inbox.views import cards, changes, files, live, pages, preferences, saved_replies, working

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
    path("<int:conversation_id>/question/", cards.ask_question, name="question"),
    path("<int:conversation_id>/post/", cards.share_post, name="post"),
    path("<int:conversation_id>/posts/", cards.list_posts, name="posts"),
    path("<int:conversation_id>/posts/state/", cards.show_posts_state, name="posts-state"),
    path("posts/<int:post_id>/picture/", files.show_post_picture, name="post-picture"),
    path("<int:conversation_id>/draft/", changes.save_draft, name="draft"),
    path("messages/<int:message_id>/cancel/", changes.cancel, name="cancel"),
    path("messages/<int:message_id>/again/", changes.send_again, name="send-again"),
    path("keys/", preferences.show_keys, name="keys"),
    path("preferences/", preferences.show_preferences, name="preferences"),
    path("preferences/keys/", preferences.change_keys, name="change-keys"),
    path("preferences/notifications/", preferences.change_notifications, name="notifications"),
    path("duty/", preferences.change_duty, name="duty"),
    path("<int:conversation_id>/seen/", changes.mark_seen, name="seen"),
    path("<int:conversation_id>/unread/", changes.mark_unread, name="unread"),
    path("<int:conversation_id>/leave/", live.leave, name="leave"),
    path("<int:conversation_id>/status/", changes.set_status, name="status"),
    path("<int:conversation_id>/assign/", changes.assign, name="assign"),
    path("<int:conversation_id>/labels/", working.set_labels, name="labels"),
    path("<int:conversation_id>/snooze/", working.snooze, name="snooze"),
    path("<int:conversation_id>/notes/", working.add_note, name="notes"),
    path("<int:conversation_id>/note-draft/", working.save_note_draft, name="note-draft"),
    path("<int:conversation_id>/others/", working.show_others, name="others"),
    path("<int:conversation_id>/saved-replies/", saved_replies.choose, name="choose-saved-reply"),
    path("colleagues/", working.show_colleagues, name="colleagues"),
    path("saved-replies/", saved_replies.show_own, name="saved-replies"),
    path("saved-replies/new/", saved_replies.add_own, name="add-saved-reply"),
    path("saved-replies/<int:reply_id>/", saved_replies.change_own, name="saved-reply"),
    path("saved-replies/<int:reply_id>/delete/", saved_replies.delete_own, name="delete-saved-reply"),
]
