"""The page of an audit: side by side, escaped, without scripts."""

from digest.core.verdicts import AuditedPair, Relation
from digest.render import audit_page
from tests.papers import paper

HOSTILE = '<script>alert("1")</script>'


def test_papers_models_and_judges_write_no_markup() -> None:
    pair = AuditedPair(
        id=7,
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
    page = audit_page.render([pair])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 3
    assert "default-src 'none'" in page
    assert 'name="7" value="reject"' in page
