"""What every test can ask for."""

# Imported here, not deep within a test's own imports: Python 3.11 may fail to parse it there for the first time.
import hypothesis  # noqa: F401

pytest_plugins = ["tests.bot.commands", "tests.databases", "tests.dovecot"]
