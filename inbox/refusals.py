"""What can't be a reply, in words."""


class BadReply(ValueError):
    """What the agent gave can't be a reply. `field` names what is wrong, `sentence` says it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
        self.sentence = sentence
