"""Transcripts of a conversation: a page, and a picture of that page by a real browser."""

import subprocess
from pathlib import Path

from markupsafe import Markup

from tests.components import program
from tests.fakes.telegram_chats import Chat, Message

_STYLE = """
body { margin: 0; padding: 12px; width: 420px; background: #d5e4cf; font: 15px/1.4 "Noto Sans CJK SC", sans-serif; }
.message { margin: 6px 0; padding: 7px 10px; border-radius: 12px; background: #fff; white-space: pre-wrap;
  overflow-wrap: anywhere; max-width: 370px; box-sizing: border-box; }
.mine { margin-left: auto; background: #e3fdd2; width: fit-content; }
.rich { white-space: normal; } .rich p { margin: 4px 0; } .rich h3, .rich h4, .rich h5 { margin: 8px 0 4px; }
.rich ul { margin: 2px 0; padding-left: 20px; } .rich td, .rich th { border: 1px solid #0002; padding: 2px 6px; }
.rich table { border-collapse: collapse; } summary { color: #1f6fb2; }
tg-math { font-family: serif; font-style: italic; }
blockquote { margin: 3px 0; padding: 2px 8px; border-left: 3px solid #3a8bcd; background: #3a8bcd14; }
code { font-family: monospace; color: #c23a3a; } a { color: #1f6fb2; }
.row { display: flex; gap: 4px; max-width: 370px; margin-bottom: 4px; }
.row span { flex: 1; text-align: center; background: #8aa58399; color: #fff; border-radius: 8px; padding: 5px;
  font-size: 13px; }
"""


def page(chat: Chat) -> str:
    """Return the conversation in `chat` as HTML."""
    shown = Markup("\n").join(map(_message, chat.shown))
    return f'<!DOCTYPE html><html lang="zh"><meta charset="utf-8"><style>{_STYLE}</style><body>{shown}</body></html>'


def picture(chat: Chat, folder: Path, height: int = 4000) -> Path:
    """Save a picture of the conversation in `chat`, and its page, in `folder`. Skips if there is no browser."""
    source, target = folder / "transcript.html", folder / "transcript.png"
    source.write_text(page(chat), "utf-8")
    command = [program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [
        f"--window-size=446,{height}",
        f"--screenshot={target}",
        f"--user-data-dir={folder / 'browser'}",
    ]
    subprocess.run([*command, source.as_uri()], check=True, capture_output=True, timeout=600)
    return target


def _message(message: Message) -> Markup:
    mine = (" rich" if message.rich else "") if message.from_bot else " mine"
    content = Markup(message.html) if message.from_bot else Markup.escape(message.text)
    rows = Markup().join(
        Markup('<div class="row">{}</div>').format(
            Markup().join(Markup("<span>{}</span>").format(text) for text, _ in row)
        )
        for row in message.buttons
    )
    return Markup('<div class="message{}">{}</div>{}').format(mine, content, rows)
