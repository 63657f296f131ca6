"""The page of an audit: side by side, escaped, without scripts."""

from pathlib import Path

import pytest

from digest.core.verdicts import AuditedPair, Relation
from digest.render import audit_page
from tests.browser import chromium, overflows, window
from tests.papers import paper

HOSTILE = '<script>alert("1")</script>'


def audited(number: int) -> AuditedPair:
    return AuditedPair(
        id=number,
        call_id=1,
        version=paper().version,
        language="zh-CN",
        judge="auditor",
        original=f"It falls. {HOSTILE}",
        made=f"它上升。{HOSTILE}",
        relation=Relation.REVERSED,
        words=HOSTILE,
        found=False,
        shown=True,
        accepted=None,
    )


def test_papers_models_and_judges_write_no_markup() -> None:
    page = audit_page.render([audited(7)])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3
    assert "default-src 'none'" in page
    assert 'name="7" value="reject"' in page


@pytest.mark.play
async def test_the_button_puts_the_labels_into_the_address_without_a_script(tmp_path: Path) -> None:
    file = tmp_path / "audit.html"
    file.write_text(audit_page.render([audited(7), audited(8), audited(9)]), "utf-8")
    async with chromium() as browser, window(browser) as page:
        await page.goto(file.as_uri())
        await page.check('input[name="7"][value="accept"]')
        await page.check('input[name="9"][value="reject"]')
        await page.click("button")
        await page.wait_for_url(f"{file.as_uri()}?7=accept&9=reject")
        assert not await overflows(page)
