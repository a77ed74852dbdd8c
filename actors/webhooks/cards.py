"""Messages with a title, a body, a colour and fields, whatever shape the receiver wants them in."""

import msgspec


class Field(msgspec.Struct, frozen=True, array_like=True):
    """One figure of a card, with its name."""

    name: str
    value: str


class Card(msgspec.Struct, frozen=True):
    """What is shown as an embed by Discord, as blocks by Slack and as an attachment by Dooray."""

    title: str
    body: str
    color: int
    """0xRRGGBB."""
    fields: tuple[Field, ...] = ()
    footer: str = ""

    @property
    def text(self) -> str:
        """The same without any shape."""
        lines = [self.title, self.body, *(f"{field.name}: {field.value}" for field in self.fields)]
        return "\n".join(line for line in lines if line)
