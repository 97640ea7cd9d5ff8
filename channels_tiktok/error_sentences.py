"""Plain words for every code that TikTok documents (docs/tiktok-api.md 5.3)."""

from config.sentences import stored

_BUSY = stored("TikTok is busy just now. It will be tried again.")
_OUR_FAULT = stored("TikTok did not understand this request. Please report it with the details below.")

SENTENCES: dict[int, str] = {
    20001: stored("TikTok carried out only a part of this request."),
    40000: stored("TikTok did not accept a value in this request."),
    40001: stored("TikTok says that the account has not permitted this. Connect the account again."),
    40002: stored(
        "TikTok did not accept a value in this request, for example a text that is too long or a "
        "conversation that it doesn't know."
    ),
    40003: stored("TikTok does not permit this."),
    40006: _OUR_FAULT,
    40007: stored("TikTok no longer has this conversation, message or file."),
    40008: _OUR_FAULT,
    40010: _OUR_FAULT,
    40011: _OUR_FAULT,
    40016: _BUSY,
    40050: stored("TikTok has already got this very request."),
    40051: _OUR_FAULT,
    40064: stored(
        "TikTok's rules for direct messages do not allow this message now. You can write again once the "
        "customer has written."
    ),
    40100: stored("TikTok gets too many requests from this inbox just now. It will be tried again."),
    40101: stored(
        "TikTok does not accept the app's id and secret, or the code from its consent page. An "
        "administrator has to look at the TikTok app's settings."
    ),
    40102: stored("The account's access to TikTok has run out."),
    40103: stored(
        "The account's permission has run out; TikTok asks for it anew once a year. Connect the account again."
    ),
    40104: stored("The request to TikTok carried no access token."),
    40105: stored("TikTok no longer accepts the account's access."),
    40106: stored("TikTok does not know the account that this request speaks for."),
    40107: stored("TikTok no longer accepts the permission that the account gave. Connect the account again."),
    40108: _OUR_FAULT,
    40109: stored("TikTok could not read the permission that the account gave. Connect the account again."),
    40110: stored("TikTok's consent was already used, cancelled, or is more than 10 minutes old. Start again."),
    40113: stored(
        "TikTok has blocked this app, does not know it, or the access belongs to another app. An "
        "administrator has to look at the TikTok app's settings."
    ),
    40115: _OUR_FAULT,
    40116: _OUR_FAULT,
    40117: _OUR_FAULT,
    40118: stored(
        "TikTok has not opened this feature or region for the app or the account. An administrator has to "
        "look at the TikTok app's settings."
    ),
    40124: stored(
        "TikTok has not approved the developer profile of this app yet. An administrator has to look at "
        "the TikTok app's settings."
    ),
    40125: stored(
        "The developer account of this app lacks a permission at TikTok. An administrator has to look at "
        "the TikTok app's settings."
    ),
    40130: stored("The account has not granted a permission that this needs. Connect the account again."),
    40131: stored("TikTok could not confirm the account's permission. Connect the account again."),
    40132: _BUSY,
    40133: _BUSY,
    40200: stored("TikTok could not finish a task that it had begun."),
    40201: stored("TikTok has not finished this yet."),
    40202: _BUSY,
    40300: stored("TikTok does not know this advertiser."),
    40400: _OUR_FAULT,
    40700: stored("TikTok did not accept a value in this request."),
    40904: stored("TikTok does not accept this image. Use another JPEG or PNG."),
    40905: stored("No file reached TikTok."),
    40906: stored("The file is empty."),
    40907: stored("The file is too large for TikTok: an image may have 3 MB."),
    40908: stored("TikTok does not take this type of file: use JPEG or PNG."),
    40910: stored("TikTok has already deleted this file."),
    40914: stored("TikTok could not read this file. It may be damaged."),
    40915: stored("TikTok does not accept this file's size or format."),
    41000: stored(
        "TikTok does not answer requests from this server's country. An administrator has to look at the "
        "TikTok app's settings."
    ),
    41001: stored("TikTok has switched this function off."),
    50000: stored("TikTok had a fault of its own. It will be tried again."),
    50002: stored("TikTok took too long over this. It will be tried again."),
    60001: stored("TikTok is under maintenance. It will be tried again."),
    61000: _BUSY,
}
