"""What can go wrong between us and TikTok, sorted by what to do next (docs/tiktok-api.md 5.3).

Each error carries a sentence for people and the facts that TikTok's support asks for. None of them ever
carries a token: TikTok's own message is quoted, the request that we sent is not.
"""

from channels_tiktok.error_sentences import SENTENCES
from config.sentences import stored


class TikTokError(Exception):
    """Something went wrong at, or on the way to, TikTok.

    `sentence` is for people. `code`, `tiktok_message`, `request_id` and `log_id` (X-TT-LOGID) are for the
    operator and for TikTok's support; they are empty where TikTok did not get to answer.
    """

    def __init__(
        self,
        sentence: str,
        *,
        code: int | None = None,
        tiktok_message: str = "",
        request_id: str = "",
        log_id: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.tiktok_message = tiktok_message
        self.request_id = request_id
        self.log_id = log_id

    def __str__(self) -> str:
        facts = self.facts()
        return f"{self.sentence} ({facts})" if facts else self.sentence

    def facts(self) -> str:
        """Give what TikTok's support asks for, in one line; empty when there is nothing."""
        named = {
            "TikTok code": self.code,
            "TikTok says": self.tiktok_message,
            "request": self.request_id,
            "log": self.log_id,
        }
        return ", ".join(f"{name} {value}" for name, value in named.items() if value)


class Refused(TikTokError):
    """TikTok will never carry out this request; asking again changes nothing."""


class DirectMessageRefused(Refused):
    """40064: TikTok's direct-message rules or limits. Its word is final until the customer writes again."""


class Busy(TikTokError):
    """The request was surely not carried out; ask again after `retry_after` seconds (None: your backoff)."""

    retry_after: float | None = None


class AccessExpired(TikTokError):
    """The access token isn't accepted: refresh it once, then repeat the request."""


class ReconnectNeeded(TikTokError):
    """Only the account's owner can help, by connecting the account again."""


class AppMisconfigured(TikTokError):
    """TikTok doesn't accept our app: a matter for the operator, and no reason to ask again and again."""


class OutcomeUnknown(TikTokError):
    """The request was written, but what became of it is unknown. Never repeat a send blindly."""


_CLASSES: dict[int, type[TikTokError]] = {
    40064: DirectMessageRefused,
    **dict.fromkeys((40016, 40100, 40132, 40133, 40202, 60001, 61000), Busy),
    **dict.fromkeys((40102, 40104, 40105), AccessExpired),
    **dict.fromkeys((40001, 40103, 40107, 40110, 40130), ReconnectNeeded),
    **dict.fromkeys((40101, 40113, 40118, 40124, 40125, 41000), AppMisconfigured),
}
SAYS = stored("TikTok refused this and says: “{said}”")
GIVES_NO_REASON = stored("TikTok refused this with code {code} and gave no reason.")
RESTRICTED_FOR = 300.0  # seconds; docs/tiktok-api.md 5.3, 40100 "…temporarily restricted."


def error_for(code: int, *, message: str = "", request_id: str = "", log_id: str = "") -> TikTokError:
    """Make the error that stands for TikTok's `code` (docs/tiktok-api.md 5.3), which is not 0."""
    error = class_for(code)(
        sentence_for(code, message), code=code, tiktok_message=message, request_id=request_id, log_id=log_id
    )
    if isinstance(error, Busy) and "temporarily restricted" in message.lower():
        error.retry_after = RESTRICTED_FOR
    return error


def class_for(code: int) -> type[TikTokError]:
    """Give the kind of error that `code` means; a code that nobody documented is a refusal."""
    if 50000 <= code < 60000:
        return Busy
    return _CLASSES.get(code, Refused)


def sentence_for(code: int, message: str) -> str:
    """Say `code` in plain words; quote TikTok's own message where we have no words of ours."""
    if code in SENTENCES:
        return SENTENCES[code]
    if 50000 <= code < 60000:
        return SENTENCES[50000]
    if message:
        return SAYS.format(said=message)
    return GIVES_NO_REASON.format(code=code)
