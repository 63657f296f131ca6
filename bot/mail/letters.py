"""The mails that are no edition: what somebody gets who gave an address to the form. Pure."""

from bot.links import Links
from bot.mail import composing, words
from bot.models import Part


def confirm(links: Links, number: int, language: str) -> Part:
    """Asks whether the signing up `number` was meant; nothing comes of it before its page is answered."""
    said = words.of(language)
    link = links.confirm(number)
    return composing.letter(
        said.confirm_subject, said.confirm, language, personal=False, link=link, button=said.confirm_button
    )


def known(links: Links, subscriber: int, language: str) -> Part:
    """Tells that this address is subscribed already, with the way to the settings of `subscriber`."""
    said = words.of(language)
    link = links.preferences(subscriber)
    return composing.letter(
        said.known_subject, said.known, language, personal=False, link=link, button=said.known_button
    )
