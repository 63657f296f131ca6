"""Transactional mail to people who entered an address in the form. Pure."""

from bot.core.models import Part
from bot.links import Links
from bot.mail import composing, words


def confirm(links: Links, number: int, language: str) -> Part:
    """Compose the mail that asks to confirm the sign-up `number`, which has no effect before that."""
    said = words.of(language)
    link = links.confirm(number)
    return composing.letter(
        said.confirm_subject, said.confirm, language, personal=False, link=link, button=said.confirm_button
    )


def known(links: Links, subscriber: int, language: str) -> Part:
    """Compose the mail that says the address is already subscribed, with a link to the preferences of `subscriber`."""
    said = words.of(language)
    link = links.preferences(subscriber)
    return composing.letter(
        said.known_subject, said.known, language, personal=False, link=link, button=said.known_button
    )
