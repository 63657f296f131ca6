"""The methods about chats and their members, and a member's status in the Bot API's words."""

from typing import Any

from tests.fakes.telegram_chats import Chat, Person
from tests.fakes.telegram_errors import bad_request
from tests.fakes.telegram_forms import Parameters
from tests.fakes.telegram_world import World

_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
_RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def member(person: Person, status: str) -> dict[str, Any]:
    """Return a ChatMember object."""
    given: dict[str, Any] = {"user": person, "status": status}
    if status == "administrator":
        given |= dict.fromkeys(_RIGHTS, True) | {"can_be_edited": False, "is_anonymous": False}
    return {**given, "until_date": 0} if status == "kicked" else given


class Membership:
    """Methods that take a request's parameters and return the response's `result`, or raise BotApiError."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_me(self, parameters: Parameters) -> dict[str, Any]:
        del parameters
        return {
            **self._world.me,
            "can_join_groups": True,
            "can_read_all_group_messages": not self._world.privacy,
            "supports_inline_queries": True,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def get_chat(self, parameters: Parameters) -> dict[str, Any]:
        chat = self._world.open_chat(parameters, write=False)
        gifts = dict.fromkeys(_GIFTS, False)
        return {**chat.json, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}

    def get_chat_member(self, parameters: Parameters) -> dict[str, Any]:
        chat = self._world.open_chat(parameters, write=False)
        wanted = parameters.number("user_id") or 0
        if wanted == self._world.me["id"]:
            return member(self._world.me, chat.bot)
        if chat.person is not None and chat.id == wanted:
            return member(chat.person, "member")
        if wanted in chat.members:
            return member(chat.members[wanted], "administrator" if wanted in chat.admins else "member")
        known = self._world.chats.get(wanted)
        if known is None or known.person is None:
            raise bad_request("PARTICIPANT_ID_INVALID")
        return member(known.person, "left")

    def get_chat_administrators(self, parameters: Parameters) -> list[dict[str, Any]]:
        chat = self._world.open_chat(parameters, write=False)
        if chat.private:
            raise bad_request("there are no administrators in the private chat")
        admins = [member(chat.members[number], "administrator") for number in sorted(chat.admins)]
        return admins + ([member(self._world.me, "administrator")] if chat.bot == "administrator" else [])

    def leave_chat(self, parameters: Parameters) -> bool:
        chat = self._world.open_chat(parameters, write=False)
        if chat.private:
            raise bad_request("chat member status can't be changed in private chats")
        move(self._world, chat, "left", self._world.me)
        return True


def move(world: World, chat: Chat, status: str, by: Person) -> None:
    """Change the bot's status in `chat`, and notify it (my_chat_member)."""
    change = {
        "chat": chat.json,
        "from": by,
        "date": world.date(),
        "old_chat_member": member(world.me, chat.bot),
        "new_chat_member": member(world.me, status),
    }
    chat.bot = status
    world.updates.push("my_chat_member", change)
