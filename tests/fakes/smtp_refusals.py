"""Refusals of a relay that concern the sender, whichever recipient they answer: none of them ends a subscription.

Wordings are those of servers' source and providers' help pages, with names and addresses of our own.
"""

from dataclasses import dataclass

from tests.fakes.smtp import FakeSmtp, Says, Stage

ALWAYS = 1_000_000  # times


@dataclass(frozen=True)
class Refusal:
    """A reply, the stage at which it is given, and its origin."""

    name: str
    stage: Stage
    reply: str
    source: str

    def plan(self, server: FakeSmtp) -> None:
        """Let `server` give this reply to every recipient from now on."""
        server.fail(self.stage, Says(self.reply), times=ALWAYS)


_POSTFIX = "Postfix, smtpd_check.c; refused at RCPT because of smtpd_delay_reject"
_POSTFIX_SPF = "postfix-policyd-spf-python, RFC 7372"
_EXIM = "Exim, verify.c and the ACLs of its documentation"
_CPANEL = "cPanel, enforce_mail_permissions"
_QQ = "QQ Mail, service.mail.qq.com help on returned mail"
_NETEASE = "NetEase 163 Mail, help.163.com list of codes"
_GMAIL = "Gmail, support.google.com/a/answer/3726730"
_MICROSOFT = "Exchange Online, Microsoft Learn, non-delivery reports"
_YAHOO = "Yahoo, senders.yahooinc.com/smtp-error-codes"
_SPAMHAUS = "Postfix with reject_rbl_client and Spamhaus"
_SES = "Amazon SES, developer guide on SMTP issues"
_SENDGRID = "SendGrid, documentation on sender identity and limits"

REFUSALS = (
    Refusal(
        "sender not owned",
        Stage.RCPT,
        "553 5.7.1 <bounces@daily.example>: Sender address rejected: not owned by user daily",
        _POSTFIX,
    ),
    Refusal(
        "sender rejected",
        Stage.RCPT,
        "553 5.7.1 <bounces@daily.example>: Sender address rejected: Access denied",
        _POSTFIX,
    ),
    Refusal(
        "SPF",
        Stage.RCPT,
        "550 5.7.23 <reader@reader.example>: Recipient address rejected: Message rejected due to: SPF fail -"
        " not authorized",
        _POSTFIX_SPF,
    ),
    Refusal(
        "sender's domain not found",
        Stage.RCPT,
        "550 5.1.8 <bounces@daily.example>: Sender address rejected: Domain not found",
        _POSTFIX,
    ),
    Refusal(
        "HELO",
        Stage.RCPT,
        "504 5.5.2 <daily>: Helo command rejected: need fully-qualified hostname",
        _POSTFIX,
    ),
    Refusal(
        "HELO not found",
        Stage.RCPT,
        "450 4.7.1 <daily.example>: Helo command rejected: Host not found",
        _POSTFIX,
    ),
    Refusal(
        "RHSBL",
        Stage.RCPT,
        "554 5.7.1 Service unavailable; Sender address [bounces@daily.example] blocked using dbl.spamhaus.org",
        _POSTFIX,
    ),
    Refusal(
        "RBL",
        Stage.RCPT,
        "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org",
        _SPAMHAUS,
    ),
    Refusal("no PTR", Stage.RCPT, "450 4.7.25 Client host rejected: cannot find your hostname", _POSTFIX),
    Refusal("relaying", Stage.RCPT, "554 5.7.1 <reader@reader.example>: Relay access denied", _POSTFIX),
    Refusal(
        "policy quota",
        Stage.RCPT,
        "450 4.7.0 <reader@reader.example>: Recipient address rejected: Daily quota exceeded",
        "Postfix with a policy server (policyd-rate-limit)",
    ),
    Refusal("Exim callout", Stage.RCPT, "550 Sender verify failed", _EXIM),
    Refusal(
        "Exim verification",
        Stage.RCPT,
        "550-Verification failed for <bounces@daily.example>\r\n550 Sender verify failed",
        _EXIM,
    ),
    Refusal(
        "cPanel hour",
        Stage.RCPT,
        "550 Domain daily.example has exceeded the max emails per hour (500/500 (100%)) allowed."
        " Message discarded.",
        _CPANEL,
    ),
    Refusal(
        "cPanel defers",
        Stage.RCPT,
        "550 Domain daily.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed."
        " Message discarded.",
        _CPANEL,
    ),
    Refusal(
        "status of nobody, text of a limit",
        Stage.RCPT,
        "550 5.1.1 too many recipients this hour",
        "a relay's own limit; its status stands for an unknown mailbox",
    ),
    Refusal("QQ domain", Stage.RCPT, "550 Domain frequency limited", _QQ),
    Refusal("QQ sender", Stage.RCPT, "550 Sender frequency limited", _QQ),
    Refusal("QQ address", Stage.RCPT, "550 Ip frequency limited", _QQ),
    Refusal("QQ content", Stage.CONTENT, "550 Mail content denied", _QQ),
    Refusal("163 frequency", Stage.RCPT, "550 RP:TRC 163 smtp1,too many recipients", _NETEASE),
    Refusal("163 spam", Stage.CONTENT, "554 DT:SPM 163 smtp1,please see http://mail.163.com/help", _NETEASE),
    Refusal("163 user", Stage.MAIL, "553 Mail from must equal authorized user", _NETEASE),
    Refusal(
        "Gmail day",
        Stage.CONTENT,
        "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to"
        " https://support.google.com/a/answer/166852 - gsmtp",
        _GMAIL,
    ),
    Refusal(
        "Gmail unauthenticated",
        Stage.CONTENT,
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated. - gsmtp",
        _GMAIL,
    ),
    Refusal(
        "Microsoft day",
        Stage.CONTENT,
        "554 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
        _MICROSOFT,
    ),
    Refusal(
        "Microsoft send as",
        Stage.CONTENT,
        "550 5.2.252 SendAsDenied; daily@daily.example not allowed to send as bounces@daily.example",
        _MICROSOFT,
    ),
    Refusal(
        "Yahoo policy",
        Stage.CONTENT,
        "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
        _YAHOO,
    ),
    Refusal(
        "SES identity",
        Stage.CONTENT,
        "554 Message rejected: Email address is not verified. The following identities failed the check",
        _SES,
    ),
    Refusal(
        "SendGrid credits",
        Stage.RCPT,
        "451 Authentication failed: Maximum credits exceeded",
        _SENDGRID,
    ),
)
