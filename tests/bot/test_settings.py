import os
import re
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from bot import setting_values, settings
from bot.settings import Settings, SettingsError
from digest.core.models import Price

# https://arxiv.org/category_taxonomy
TAXONOMY = (
    "cs: AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL",
    "cs: RO SC SD SE SI SY",
    "econ: EM GN TH",
    "eess: AS IV SP SY",
    "math: AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST",
    "astro-ph: CO EP GA HE IM SR",
    "cond-mat: dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con",
    "nlin: AO CD CG PS SI",
    "physics: acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph",
    "physics: geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph",
    "q-bio: BM CB GN MN NC OT PE QM SC TO",
    "q-fin: CP EC GN MF PM PR RM ST TR",
    "stat: AP CO ME ML OT TH",
    *("gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th", "quant-ph"),
)


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def test_everything_has_a_default() -> None:
    loaded = settings.load()
    assert loaded.arxiv_categories == ("cs.SD", "eess.AS")
    assert (loaded.timezone, loaded.digest_time) == (ZoneInfo("Asia/Shanghai"), None)
    assert loaded.database_url == "sqlite:///data/arxiv-daily.db"
    assert loaded.openai_api_key is None


def test_the_database_lies_in_the_data_directory_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/srv/arxiv")
    assert settings.load().database_url == "sqlite:////srv/arxiv/arxiv-daily.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@db/arxiv")
    assert settings.load().database_url == "postgresql://me@db/arxiv"


def test_the_environment_wins_over_the_file(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing_set / ".env").write_text(
        "ARXIV_CATEGORIES=cs.CL cs.LG, math-ph\nTIMEZONE=UTC\nOPENAI_API_KEY=\n"
    )
    monkeypatch.setenv("TIMEZONE", "Europe/Berlin")
    loaded = settings.load()
    assert loaded.arxiv_categories == ("cs.CL", "cs.LG", "math-ph")
    assert loaded.timezone == ZoneInfo("Europe/Berlin")
    assert loaded.openai_api_key is None


def test_every_fault_is_reported_at_once_and_no_secret_with_it(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nothing_set / ".env").write_text(
        "ARXIV_CATEGORY=cs.SD\nDIGEST_TIME=8:50\nTIMEZONE=Shanghai\nLLM_CONCURRENCY=0\nFROB=1\n"
        "DATABASE_URL=mysql://root:hunter2@db/x\nTARGET_LANGUAGE=Chinese!\n"
    )
    monkeypatch.setenv("ARXIV_CATEGORIES", "cs.SD; DROP")
    with pytest.raises(SettingsError) as raised:
        settings.load()
    lines = str(raised.value).splitlines()
    assert len(lines) == 8
    assert "ARXIV_CATEGORY in .env: there is no such setting. Did you mean ARXIV_CATEGORIES?" in lines
    assert "FROB in .env: there is no such setting." in lines
    assert any(line.startswith("DIGEST_TIME: “8:50” is not a time of day") for line in lines)
    assert any(
        line.startswith("TARGET_LANGUAGE: “Chinese!” is not") and "de (German)" in line for line in lines
    )
    assert "hunter2" not in str(raised.value)


def test_the_digest_time_is_a_time_of_day_or_the_announcement(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("09:30", time(9, 30)), ("announced", None)):
        monkeypatch.setenv("DIGEST_TIME", given)
        assert settings.load().digest_time == expected


@pytest.mark.parametrize("archive", TAXONOMY)
def test_every_category_of_arxiv_can_be_named(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, classes = archive.partition(": ")
    wanted = tuple(f"{name}.{each}" for each in classes.split()) or (name,)
    monkeypatch.setenv("ARXIV_CATEGORIES", " ".join(wanted))
    assert settings.load().arxiv_categories == wanted


@pytest.mark.parametrize("name", ["cs.", "cs.S", "speech!", "cs.SD.X", "CS.SD", "q"])
def test_what_is_no_category_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARXIV_CATEGORIES", name)
    with pytest.raises(SettingsError, match="not an arXiv category"):
        settings.load()


def test_a_proxy_in_the_file_is_used_and_that_of_the_environment_comes_first(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "localhost")
    (nothing_set / ".env").write_text("HTTPS_PROXY=http://127.0.0.1:3128\nNO_PROXY=example.org\n")
    settings.load()
    assert os.environ["HTTPS_PROXY"] == "http://127.0.0.1:3128"
    assert "NO_PROXY" not in os.environ


@pytest.mark.parametrize(
    "address",
    [
        "socks9://127.0.0.1:1080/",
        "http://127.0.0.1:port",
        "127.0.0.1:99999",
        "http://[::1",
        "http://",
        "http://a b",
    ],
)
def test_a_proxy_of_the_environment_that_is_no_address_is_said_with_all_other_faults(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", address)
    monkeypatch.setenv("OPENAI_PROXY", address)
    monkeypatch.setenv("OPENAI_TIMEOUT", "0")
    with pytest.raises(SettingsError) as caught:
        settings.load()
    faults = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert faults == ["all_proxy", "OPENAI_PROXY", "OPENAI_TIMEOUT"]
    assert address not in str(caught.value).split()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:7890", "HTTP://me:p%40ss@proxy.example.org:3128/", "socks5h://[::1]:1080", "localhost"],
)
def test_a_proxy_of_the_environment_needs_no_scheme(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    settings.load()


def test_a_proxy_as_desktops_write_it_is_one_of_socks_5(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080/")
    settings.load()
    assert os.environ["ALL_PROXY"] == "socks5://127.0.0.1:1080/"


def test_called_from_elsewhere_it_uses_the_settings_and_the_data_beside_its_environment(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed, elsewhere = nothing_set / "installed", nothing_set / "elsewhere"
    for folder in (installed, elsewhere):
        folder.mkdir()
    (installed / ".env").write_text("TIMEZONE=UTC\nARCHIVE_DIR=site/_posts\nDKIM_KEY_FILE=/etc/dkim\n")
    monkeypatch.setattr(setting_values, "INSTALLED_IN", installed)
    monkeypatch.chdir(elsewhere)
    loaded = settings.load()
    assert loaded.timezone == ZoneInfo("UTC")
    assert (loaded.data_dir, loaded.archive_dir) == (installed / "data", installed / "site" / "_posts")
    assert loaded.dkim_key_file == Path("/etc/dkim")
    assert loaded.database_url == f"sqlite:///{installed}/data/arxiv-daily.db"
    (elsewhere / ".env").write_text("TIMEZONE=Europe/Berlin\n")
    loaded = settings.load()
    assert loaded.timezone == ZoneInfo("Europe/Berlin")
    assert (loaded.data_dir, loaded.database_url) == (Path("data"), "sqlite:///data/arxiv-daily.db")


def test_a_relative_database_lies_beside_the_settings_too(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (nothing_set / ".env").write_text("DATABASE_URL=sqlite:///other.db\n")
    monkeypatch.setattr(setting_values, "INSTALLED_IN", nothing_set)
    (nothing_set / "elsewhere").mkdir()
    monkeypatch.chdir(nothing_set / "elsewhere")
    assert settings.load().database_url == f"sqlite:///{nothing_set}/other.db"


def test_the_example_names_every_setting_and_no_other() -> None:
    example = (Path(settings.__file__).parents[1] / ".env.example").read_text("utf-8")
    named = re.findall(r"^# ([A-Z_]+)=", example, re.MULTILINE)
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_shows_the_defaults(nothing_set: Path) -> None:
    example = (Path(settings.__file__).parents[1] / ".env.example").read_text("utf-8")
    defaults = settings.load()
    (nothing_set / ".env").write_text(re.sub(r"^# ([A-Z_]+=)", r"\1", example, flags=re.MULTILINE))
    assert settings.load() == defaults


@pytest.mark.parametrize(
    "url", ["https://x.org/?a=1", "https://x.org/#a", "https://li:secret@x.org", "ftp://x.org"]
)
def test_a_public_address_is_a_place_to_which_paths_are_added(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    with pytest.raises(SettingsError, match="PUBLIC_URL") as raised:
        settings.load()
    assert "secret" not in str(raised.value)
    monkeypatch.setenv("PUBLIC_URL", "https://x.org/daily/")
    assert str(settings.load().public_url) == "https://x.org/daily/"


@pytest.mark.parametrize("name", ["SMTP_HOST", "IMAP_HOST"])
@pytest.mark.parametrize(
    "host", ["smtp..example.org", f"{'a' * 64}.org", "-a.org", "a b.org", "https://a.org"]
)
def test_a_server_s_name_can_be_looked_up(monkeypatch: pytest.MonkeyPatch, name: str, host: str) -> None:
    monkeypatch.setenv(name, host)
    with pytest.raises(SettingsError, match=f"{name}: “.*” is not a server"):
        settings.load()


@pytest.mark.parametrize("host", ["mail.example.org", "localhost", "127.0.0.1", "::1", f"{'a' * 63}.org."])
def test_names_and_addresses_are_servers(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("IMAP_HOST", host)
    monkeypatch.setenv("IMAP_USERNAME", "daily")
    monkeypatch.setenv("IMAP_PASSWORD", "secret")
    assert settings.load().imap_host == host


def test_prices_are_named_by_model_whatever_signs_its_name_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_PRICES", "gpt-4.1-mini=0.4/0.1/1.6, org/model:v2=a=2/0/8")
    assert settings.load().llm_prices == {
        "gpt-4.1-mini": Price(0.4, 0.1, 1.6),
        "org/model:v2=a": Price(2, 0, 8),
    }
    monkeypatch.setenv("LLM_PRICES", "gpt-4.1-mini=0.4")
    with pytest.raises(SettingsError, match=r"LLM_PRICES: “gpt-4.1-mini=0.4” is not a price"):
        settings.load()


def test_the_blocks_for_each_provider_are_settings_that_can_be_used() -> None:
    example = (Path(settings.__file__).parents[1] / ".env.example").read_text("utf-8")
    blocks = [
        dict(re.findall(r"^#   ([A-Z_]+)=(.*)$", block, re.MULTILINE)) for block in example.split("\n#\n")
    ]
    presets = [block for block in blocks if block]
    assert len(presets) == 11
    for preset in presets:
        chosen = settings.given(**{name.lower(): value for name, value in preset.items()})
        assert str(chosen.openai_base_url).startswith(preset["OPENAI_BASE_URL"])
        assert all(name.lower() in settings.Settings.model_fields for name in preset)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("openai_extra_body", "enable_thinking: false", "give a JSON object"),
        ("openai_extra_body", '{"messages": []}', "leave out messages"),
        ("reading_extra_body", '{"a": NaN}', "give a JSON object"),
        ("openai_extra_body", '{"extra_body": {"enable_thinking": false}}', "without extra_body around"),
        ("translation_extra_body", '{"max_tokens": "lots"}', "max_tokens is a number of tokens"),
        ("openai_extra_body", '{"max_completion_tokens": true}', "a number of tokens"),
        ("openai_proxy", "127.0.0.1:7890", "give an address such as http"),
        ("openai_timeout", "0", "greater than or equal to 1"),
    ],
)
def test_settings_of_requests_that_cannot_be_used_are_said(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings.given(**{name: value})
