"""Rules for the replies of mail servers: each row has its verdict, its cause and its source.

`RULES` are tried in order, and the first match decides, so exceptions come before the rules that they limit. They match
the words of a reply in lower case, on one line, without addresses and status codes (`refusals.words`). `STATUSES` and
`CODES` decide only if no words do, because servers use statuses carelessly: "550 5.1.1 … has sent to too many
recipients this hour" is real.

Sources: "corpus" is a mail of the public sisimai corpus of real bounces; for statuses RFC 3463 and its registry at
IANA, for codes RFC 5321; for the rest the documentation that the row names, or what these servers are known to write.
"""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The subject of a refusal."""

    CHANNEL = "channel"
    """Us: our sender, login, server, reputation, limits, or the relay itself. Every recipient would be refused."""
    GONE = "gone"
    """The address: no such mailbox, or no such domain."""
    ADDRESS = "address"
    """The address, for a while: full, disabled, busy, unreachable."""
    MESSAGE = "message"
    """This message: its size or form."""
    UNCLEAR = "unclear"
    """The reply does not say."""


class RefusalCause(StrEnum):
    """The cause of a refusal that concerns us, for the operator."""

    SENDER = "sender"
    LOGIN = "login"
    AUTHENTICATION = "authentication"
    NAME = "name"
    LIMIT = "limit"
    REPUTATION = "reputation"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Rule:
    """A wording: a regular expression for words in lower case, and its source."""

    verdict: Verdict
    cause: RefusalCause | None
    source: str
    pattern: str


_CHANNEL, _GONE, _ADDRESS = Verdict.CHANNEL, Verdict.GONE, Verdict.ADDRESS
_MESSAGE, _UNCLEAR = Verdict.MESSAGE, Verdict.UNCLEAR
_SENDER, _LOGIN, _AUTHENTICATION, _NAME = (
    RefusalCause.SENDER,
    RefusalCause.LOGIN,
    RefusalCause.AUTHENTICATION,
    RefusalCause.NAME,
)
_LIMIT, _REPUTATION, _SERVER = RefusalCause.LIMIT, RefusalCause.REPUTATION, RefusalCause.SERVER
_GMAIL = "support.google.com/a/answer/3726730"
_MICROSOFT = "learn.microsoft.com: NDRs in Exchange Online"
_NETEASE = "mail.163.com/help: 退信代码"
_QQ = "service.mail.qq.com/detail/122"
_POSTFIX = "Postfix smtpd(8), smtpd_*_restrictions"
_EXIM = "Exim's default ACLs"
_YAHOO = "senders.yahooinc.com/smtp-error-codes"

# fmt: off
RULES = tuple(Rule(*row) for row in (
    # Limits of the recipient, which read like ours.
    (_ADDRESS, None, _GMAIL, r"receiving mail (at a rate|too quickly)|recipient thread limit"),
    (_ADDRESS, None, _MICROSOFT, r"recipient'?s per hour message receive limit"),
    (_ADDRESS, None, "postgrey, rspamd, milter-greylist", r"grey-?list|gray-?list"),
    (_ADDRESS, None, "corpus: Gmail, iCloud, IMail",
     (r"(mailbox|inbox|user|account|recipient|storage|disk)\b[^.;]{0,40}\b(full|over ?quota|exceeded? (its |"
      r"the |his )?(storage|quota|allowed size)|out of (storage|space))")),
    (_ADDRESS, None, _QQ, r"mail is rejected by recipients\b"),
    (_ADDRESS, None, "corpus: La Poste", r"(recipient|user'?s?) (e-?mail )?(account|mailbox) is (blocked|disabled)"),
    (_ADDRESS, None, "corpus: Dovecot, au", r"quota exceeded \(mailbox|mailbox ?full|一杯|邮箱空间不足|容量满|已满"),
    (_ADDRESS, None, "corpus: Postfix, IMail", r"host not found[,;:.]? (please )?try again|exceeds allowed size"),
    # The sender, as Postfix checks it at RCPT by default.
    (_CHANNEL, _SENDER, _POSTFIX, r"sender address rejected|sender (is |was )?rejected"),
    (_CHANNEL, _SENDER, _POSTFIX, r"not (owned by|allowed to send as)|send ?as ?denied|send as this sender"),
    (_CHANNEL, _SENDER, _QQ, r"same as authori[sz]ation user|authori[sz]ed user|must match.{0,30}sender"),
    (_CHANNEL, _SENDER, _NETEASE, r"mail from must equal|sender is unvalidated|mail from invalid"),
    (_CHANNEL, _SENDER, _EXIM, r"sender (verify|verification|callout)|unable to verify sender"),
    (_CHANNEL, _SENDER, _EXIM, r"verification failed for|could not verify sender|sender denied"),
    (_CHANNEL, _SENDER, "corpus: sendmail", r"domain of (the )?sender|sender'?s? domain|bad (outbound )?sender"),
    (_CHANNEL, _SENDER, "corpus: Courier", r"purported responsible address|from: domain is invalid|valid from:"),
    (_CHANNEL, _SENDER, _NETEASE, r"invalid sender|sender (not|isn't|is not) (allowed|valid|permitted)|null sender"),
    (_CHANNEL, _SENDER, _NETEASE, r"(denies|deny|rejects?) the sender|fake sender|发件人(地址)?(被)?拒绝|拒绝发件人"),
    (_CHANNEL, _SENDER, _MICROSOFT, r"multiple addresses in from|unregistered domain|banned sender"),
    (_CHANNEL, _SENDER, "corpus: rfc3464-03",
     r"^mail from .{0,80}(rejected|not allowed)|envelope[- ]from|return[- ]path"),
    (_CHANNEL, _SENDER, "SES, GMX", r"email address is not verified|invalid dns mx|identities failed the check"),
    # Words otherwise used of recipients, here of the sender: unknown, unverified, does not exist.
    (_CHANNEL, _SENDER, "Exim, qmail, SendGrid",
     (r"(unknown|invalid|illegal|unverified|unauthori[sz]ed|unrout(e?able)|no (such|valid)|verified|blocked) "
      r"(envelope |originating )?senders?\b|sender identity|(allowed|trusted) senders")),
    (_CHANNEL, _SENDER, "Exim, qmail, SendGrid",
     (r"(\bsender|from address|your (sending |e-?mail |mail )?(domain|address))\b[^.;]{0,40}"
      r"\b(unknown|not|no|non-?existent|\w+n't|invalid|illegal|unverified|disallowed|denied|blocked|suspended)\b")),
    (_CHANNEL, _SENDER, "Coremail", r"发件人|发信人|寄件人"),
    # SPF, DKIM, DMARC.
    (_CHANNEL, _AUTHENTICATION, "RFC 7372", r"\bspf\b|openspf|sender policy framework|\bdkim\b|\bdmarc\b|\barc\b"),
    (_CHANNEL, _AUTHENTICATION, _GMAIL, r"unauthenticated (e?mail|senders?)|authentication checks failed"),
    (_CHANNEL, _AUTHENTICATION, _YAHOO, r"not authenticated as required|failed authentication check"),
    # Our host name and IP address.
    (_CHANNEL, _NAME, _POSTFIX, r"\behlo\b|\bhelo\b|helohost|need fully-qualified hostname"),
    (_CHANNEL, _NAME, _GMAIL, r"reverse (dns|hostname|lookup)|\brdns\b|\bptr\b|ip name lookup|client hostname"),
    (_CHANNEL, _NAME, _POSTFIX, r"cannot find your (host|reverse)|does not resolve to"),
    # Login and relaying.
    (_CHANNEL, _LOGIN, _POSTFIX, r"\brelay(ing)?\b.{0,40}(denied|prohibited|not permitted|access|from)"),
    (_CHANNEL, _LOGIN, _EXIM,
     r"(unable|configured|permitted|allowed|authori[sz]ed|denies|no|not|we do not) (to )?relay"),
    (_CHANNEL, _LOGIN, "qmail, NetEase",
     r"open ?relay|relaying disallowed|relay check|relay (is )?not|rcpthosts|拒绝中继"),
    (_CHANNEL, _LOGIN, "RFC 4954", r"authentication (is )?(required|failed|unsuccessful|credentials|rejected)"),
    (_CHANNEL, _LOGIN, _NETEASE,
     r"auth(entication)? (error|needed|first)|must (issue a|authenticate)|log ?in (first|required)"),
    (_CHANNEL, _LOGIN, _MICROSOFT,
     r"client was not authenticated|not logged in|starttls|tls required|too much fail auth"),
    (_CHANNEL, _LOGIN, _QQ, r"授权码|登录|认证|身份验证"),
    (_CHANNEL, _LOGIN, "OVH, SES, Zoho",
     (r"\b(outgoing|outbound|sending|your (smtp )?(account|service|subscription))\b[^.;]{0,40}"
      r"\b(suspended|blocked|disabled|locked|deactivated|expired|frozen|not (allowed|active|permitted))\b|"
      r"\b(may|can) ?not send\b|does(n't| not) include smtp|\bunpaid\b")),
    (_CHANNEL, _LOGIN, "Coremail", r"(账|帐)(户|号).{0,8}(限制|暂停|冻结|禁止|停用)"),
    # Limits of our sending.
    (_CHANNEL, _LIMIT, _QQ, r"frequency limited|频率|频繁|超过.{0,12}限制|发信数|发送过多|发信量|限额"),
    (_CHANNEL, _LIMIT, _QQ, r"mailbox unavailable or access denied|connection denied"),
    (_CHANNEL, _LIMIT, _NETEASE, r"\b(hl|mi|rp|wm|dt|dm|vi):[a-z]{3}\b"),
    (_CHANNEL, _LIMIT, "cPanel", r"max(imum)? (e?mails|messages|defers)|per (hour|minute|day|second)\b"),
    (_CHANNEL, _LIMIT, "cPanel, Microsoft",
     r"exceeded (the |your |its |permitted |allowed )*(max|rate|limits?|sending|daily|hourly)"),
    (_CHANNEL, _LIMIT, _MICROSOFT,
     (r"(daily|hourly|sending|message|submission|rate|relay|recipient|smtp|connection) (limit|quota|"
      r"rate)")),
    (_CHANNEL, _LIMIT, "Gmail, Zoho, OVH",
     (r"exceeded your .{0,30}(quota|limits?\b)|(sending|submission|relay) .{0,20}quota|quota for today|"
      r"your account has (reached|used)|\boutgoing\b.{0,20}\b(limit|quota)|\b(limit|quota)\b.{0,20}\boutgoing|"
      r"^e?-?mail quota exceeded|user limits?\b|unusual (sending )?activity")),
    (_CHANNEL, _LIMIT, _GMAIL, r"rate[- ]?limit|ratelimit|throttl|slow(er| down)|too fast|too quickly"),
    (_CHANNEL, _LIMIT, "corpus: GoDaddy, NTT",
     (r"too many (recipients|connections|messages|e?mails|concurrent|sessions|errors|unknown|invalid|bad|"
      r"same|rcpt|smtp)")),
    (_CHANNEL, _LIMIT, "corpus: GoDaddy",
     r"(this|last|next|the past|an|one) (hour|minute|day)\b|try again (tomorrow|in \d+)"),
    (_CHANNEL, _LIMIT, _GMAIL, r"unusual rate|excessive|exceeded threshold|(daily|hourly) (sending|mail)|mail rate"),
    (_CHANNEL, _LIMIT, "corpus: iCloud, La Poste",
     r"not accepting connections|connection limit|out of allow rcpt|service refused?"),
    # Our reputation, and that of our mail.
    (_CHANNEL, _REPUTATION, "Spamhaus, Postfix",
     r"\b(dns|rhs|r)?bls?\b|\brbl|black ?-?list|block ?-?list|blacklisted|denylist|\(bl\)"),
    (_CHANNEL, _REPUTATION, "their own pages",
     r"spamhaus|spamcop|barracuda|sorbs|abuseat|uceprotect|cloudmark|proofpoint|senderbase"),
    (_CHANNEL, _REPUTATION, _MICROSOFT,
     r"\bblocked (using|by|for|due|because|from|at)|(is|been|are|currently|ip|temporarily) blocked"),
    (_CHANNEL, _REPUTATION, _POSTFIX,
     r"client host|reputation|black ip|banned|(?<!not )listed (at|by|in)|unsolicited|abuse"),
    (_CHANNEL, _REPUTATION, "corpus: amavis, NetEase", r"spam|\bube\b|\buce\b|垃圾|junk|phish|bulk|反垃圾"),
    (_CHANNEL, _REPUTATION, _QQ, r"content (was |is |has been )?(reject|denied|refus|block|filter)|content reje?ct"),
    (_CHANNEL, _REPUTATION, "corpus: dragonfly", r"virus|malware|suspicious|malicious|heuristic"),
    (_CHANNEL, _REPUTATION, _YAHOO, r"polic(y|ies)|user complaints|unfortunately, messages from|complaint"),
    (_CHANNEL, _REPUTATION, _MICROSOFT,
     r"refused your connection|ip you're using|\byour (ip|host|mx|network|(mail ?)?server)|of your domain|sending ip"),
    (_CHANNEL, _REPUTATION, "Sohu, Coremail, Cox",
     r"ip (is |address )?(rejected|reject|not allowed|hangup|blocked)|invalid ip|aup#|server access|\bip.{0,6}拒绝"),
    (_CHANNEL, _REPUTATION, _MICROSOFT,
     r"is not allowed to send|traffic not accepted|not accepting (mail from|messages)|whitelist"),
    (_CHANNEL, _REPUTATION, "Mimecast, Exim, QQ",
     r"administrative(ly)? prohibit|envelope blocked|delivery not authori[sz]ed|bounce attack"),
    # Words of Exchange Online and others that decide nothing alone.
    (_UNCLEAR, None, "corpus: m-FILTER", r"all recipient addresses rejected ?: access denied"),
    (_GONE, None, _MICROSOFT,
     r"(recipient|user|mailbox) (is )?(not found|unknown) by smtp address lookup|resolver\.adr\."),
    (_UNCLEAR, None, "corpus: procmail", r"couldn't create|can(no|')t (create|open)|mailer error"),
    (_UNCLEAR, None, "corpus: Google Groups",
     r"may not exist, or you may not have permission|due to recipient preferences"),
    (_UNCLEAR, None, "RFC 5321 §6.3", r"routing loop|too many hops|hop count|mail loop|looping"),
    # The message.
    (_MESSAGE, None, "RFC 1870",
     r"(message|mail|size|length)\b.{0,40}(too (big|large|long)|exceeds|exceeded)|too large for this"),
    (_MESSAGE, None, "corpus: sendmail",
     r"duplicate header|rfc ?(2822|5322)|header error|8-?bit data|bare (lf|line ?feed)|media error"),
    # No such mailbox or domain.
    (_GONE, None, "Postfix, sendmail, Exim, Exchange",
     (r"(user|recipient|mailbox|account|(^|mail )address|addressee|rcpt|receiver)\b( (address|rejected|name|"
      r"account))*[:,]? ?((is|was|has been|could|can|does|do|are|were) )*(not |un|n't ?|isn't |doesn't |"
      r"non-?)(known|be found|found|exist|existent|here|existing|local|listed|a valid|valid user)")),
    (_GONE, None, "Postfix, qmail, Exim, NTT",
     (r"(unknown|no such|invalid|nonexistent|non-existent|bad destination|unlisted|unrouteable|"
      r"unroutable) (local |e-?mail |final delivery )?(user|recipient|mailbox|address|person|account|"
      r"addressee|local[- ]part|userid)")),
    (_GONE, None, "qmail",
     (r"no (such )?(mailbox|user|person|recipient|one)( here)?( (by|with) (that|this) name)?$|"
      r"no mailbox here")),
    (_GONE, None, "Gmail, Exim, MDaemon",
     (r"(account|address|mailbox) that you tried to reach (does not exist|is inactive)|nosuchuser|"
      r"not a (known|valid) (user|mailbox|recipient)|unable to find (user|recipient)")),
    (_GONE, None, _MICROSOFT,
     r"(address|recipient) .{0,20}(wasn.?t|couldn.?t be|could not be) found|recipient no longer|user not in"),
    (_GONE, None, "Yahoo",
     r"does(n't| not) have an? .{0,60}account|not our customer|no longer (with|at|valid|exists|in use)"),
    (_GONE, None, "Notes, iCloud, RFC 7505",
     r"not listed in (public|domino)|inactive e-?mail address|null mx|doesn't receive e?mail"),
    (_GONE, None, _POSTFIX,
     r"(host|domain)( or domain)?( name)? (is )?(not found|unknown|does not exist)|no such (domain|host)"),
    (_GONE, None, "SES, Yahoo",
     r"invalid domain(?! name)|no mx record|domain is not reachable|nxdomain|(does not|no) accept mail$"),
    (_GONE, None, _QQ, r"(用户|收件人|邮箱|邮件)(地址)?不存在|未开通"),
    # Full, busy, unreachable.
    (_ADDRESS, None, "RFC 3463 5.2.2",
     r"over ?quota|quota (is )?exceeded|exceeded? (its |the |his )?(storage|quota)|insufficient storage"),
    (_ADDRESS, None, "corpus: SES, Exim",
     r"message expired|delivery (time )?expired|retry timeout|giving up|could not (be )?deliver(ed)? for"),
    (_ADDRESS, None, "corpus: Gmail, Exim",
     r"timed? ?out|connection refused|no route to host|did not accept our requests|failing for a long time"),
    (_ADDRESS, None, "corpus: Postfix",
     r"name service error|dns (error|query failed|lookup)|network (error|unreachable)|unreachable"),
))

HINTS = tuple(Rule(*row) for row in (
    (_ADDRESS, None, "corpus: Gmail, vpopmail",
     (r"disabled|suspended|deactivated|inactiv|\blocked|frozen|expired|"
      r"(account|user|mailbox|recipient|address).{0,30}\bblocked")),
    # From Outlook.com this is an unknown address (5.5.0), from others a busy one.
    (_ADDRESS, None, "RFC 5321 §4.2.3", r"mailbox (is )?(temporarily |currently )?(unavailable|busy|not available)"),
    # Exchange Online says this of addresses, with 5.4.1.
    (_CHANNEL, _LOGIN, _POSTFIX, r"access denied"),
    (_CHANNEL, _SERVER, "corpus: SurfControl",
     r"service (is )?(currently |temporarily )?(unavailable|not available)"),
))
"""Words that are weaker evidence than a status."""
# fmt: on

STATUSES: dict[str, tuple[Verdict, RefusalCause | None]] = {
    # RFC 3463 §3.2, RFC 7505 §4.2; 1.351 is Exchange Online's "remote server returned unknown recipient".
    "1.1": (_GONE, None),
    "1.6": (_GONE, None),
    "1.10": (_GONE, None),
    "1.351": (_GONE, None),
    "1.2": (_ADDRESS, None),
    "1.3": (_ADDRESS, None),
    "1.4": (_ADDRESS, None),
    "1.5": (_ADDRESS, None),
    "1.7": (_CHANNEL, _SENDER),
    "1.8": (_CHANNEL, _SENDER),
    "1.90": (_CHANNEL, _LIMIT),  # Exchange Online: daily limit of recipients
    # RFC 3463 §3.3; 2.25x is Exchange Online's, of the sender.
    "2.1": (_ADDRESS, None),
    "2.2": (_ADDRESS, None),
    "2.3": (_MESSAGE, None),
    "2.121": (_ADDRESS, None),
    "2.122": (_ADDRESS, None),
    "2.251": (_CHANNEL, _SERVER),
    "2.252": (_CHANNEL, _SENDER),
    "2.253": (_CHANNEL, _LOGIN),
    "2.254": (_CHANNEL, _LIMIT),
    "2.255": (_CHANNEL, _LIMIT),
    # RFC 3463 §3.4, §3.5; 4.5 is congestion, and Gmail's daily limit.
    "3.1": (_CHANNEL, _SERVER),
    "3.2": (_CHANNEL, _SERVER),
    "3.4": (_MESSAGE, None),
    "3.5": (_CHANNEL, _SERVER),
    "4.1": (_ADDRESS, None),
    "4.2": (_ADDRESS, None),
    "4.4": (_ADDRESS, None),
    "4.5": (_CHANNEL, _LIMIT),
    "4.7": (_ADDRESS, None),
    # RFC 3463 §3.6: protocol errors between us and the server; each mail has one recipient (5.3).
    "5.1": (_CHANNEL, _SERVER),
    "5.2": (_CHANNEL, _SERVER),
    "5.3": (_CHANNEL, _LIMIT),
    "5.4": (_CHANNEL, _SERVER),
    "6.1": (_MESSAGE, None),
    "6.3": (_MESSAGE, None),
    "6.6": (_MESSAGE, None),
    "6.9": (_MESSAGE, None),
    # RFC 4954 §6, RFC 7372, RFC 8616 and the registry.
    "7.8": (_CHANNEL, _LOGIN),
    "7.9": (_CHANNEL, _LOGIN),
    "7.10": (_CHANNEL, _LOGIN),
    "7.11": (_CHANNEL, _LOGIN),
    "7.12": (_ADDRESS, None),  # Exchange Online: accepts no mail from outside; so do 7.124 and 7.13x
    "7.13": (_ADDRESS, None),
    "7.14": (_CHANNEL, _LOGIN),
    **{f"7.{detail}": (_CHANNEL, _AUTHENTICATION) for detail in (20, 21, 22, 23, 24, 26, 27, 29)},
    "7.25": (_CHANNEL, _NAME),
    "7.28": (_CHANNEL, _LIMIT),
    "7.57": (_CHANNEL, _LOGIN),
    "7.60": (_CHANNEL, _SENDER),
    "7.64": (_CHANNEL, _LOGIN),
    "7.124": (_ADDRESS, None),
    **{f"7.{detail}": (_ADDRESS, None) for detail in range(133, 137)},
    "7.232": (_CHANNEL, _LIMIT),
    "7.233": (_CHANNEL, _LIMIT),
    "7.504": (_ADDRESS, None),
    "7.505": (_ADDRESS, None),
}
"""By subject and detail: "1.1" is 5.1.1."""

BANS = range(500, 1000)
"""Details of x.7.x by which Microsoft refuses the sender: 4.7.500 to 5.7.999."""

CODES: dict[int, tuple[Verdict, RefusalCause | None]] = {
    # RFC 5321 §4.2.3, RFC 4954 §6, RFC 3207 §4, RFC 7504.
    421: (_CHANNEL, _SERVER),
    432: (_CHANNEL, _LOGIN),
    454: (_CHANNEL, _LOGIN),
    500: (_CHANNEL, _SERVER),
    501: (_UNCLEAR, None),
    502: (_CHANNEL, _SERVER),
    503: (_CHANNEL, _SERVER),
    504: (_CHANNEL, _SERVER),
    521: (_CHANNEL, _SERVER),
    530: (_CHANNEL, _LOGIN),
    534: (_CHANNEL, _LOGIN),
    535: (_CHANNEL, _LOGIN),
    538: (_CHANNEL, _LOGIN),
    555: (_CHANNEL, _SERVER),
    556: (_GONE, None),
}
