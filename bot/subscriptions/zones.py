"""Time zones by common names: a zone, a city, or an offset from UTC. Pure."""

import re
from zoneinfo import ZoneInfo, available_timezones

_NAMES = {name.lower(): name for name in available_timezones()}
_CITIES = {name.rpartition("/")[2].replace("_", " ").lower(): name for name in sorted(available_timezones())}
_MORE = {
    "Asia/Shanghai": "beijing guangzhou shenzhen hangzhou nanjing wuhan chengdu xian tianjin suzhou hefei "
    "北京 上海 广州 深圳 杭州 南京 武汉 成都 西安 天津 苏州 合肥 重庆 哈尔滨 中国 北京时间 上海时间",
    "Asia/Hong_Kong": "香港",
    "Asia/Macau": "澳门",
    "Asia/Taipei": "台北 台湾",
    "Asia/Singapore": "新加坡",
    "Asia/Tokyo": "osaka kyoto 东京 大阪 京都 日本",
    "Asia/Seoul": "首尔 韩国",
    "Asia/Kolkata": "mumbai delhi bangalore bengaluru india",
    "Europe/London": "cambridge oxford edinburgh 伦敦 剑桥 牛津 爱丁堡 英国",
    "Europe/Paris": "巴黎 法国",
    "Europe/Berlin": "munich hamburg 柏林 慕尼黑 德国",
    "Europe/Zurich": "geneva 苏黎世 瑞士",
    "Europe/Amsterdam": "阿姆斯特丹 荷兰",
    "America/New_York": "boston washington pittsburgh princeton 纽约 波士顿 华盛顿 匹兹堡",
    "America/Chicago": "芝加哥",
    "America/Los_Angeles": "seattle stanford berkeley 洛杉矶 旧金山 西雅图 斯坦福 伯克利",
    "America/Toronto": "montreal 多伦多 蒙特利尔",
    "America/Vancouver": "温哥华",
    "Australia/Sydney": "canberra 悉尼",
    "Australia/Melbourne": "墨尔本",
}
"""Cities and countries that give no zone its name; those with a space in their names are below."""
_OTHERS = {name: zone for zone, names in _MORE.items() for name in names.split()} | {
    "san francisco": "America/Los_Angeles",
    "new delhi": "Asia/Kolkata",
}
_OFFSET = re.compile(r"(?:utc|gmt)\s?([+-])\s?(\d{1,2})(?::00)?", re.ASCII)
_FIXED = re.compile(r"Etc/GMT([+-])(\d{1,2})", re.ASCII)
_SIGNS = {"+": "-", "-": "+"}  # POSIX counts westwards: Etc/GMT-8 is UTC+8


def parse(text: str) -> ZoneInfo:
    """Parse a zone name, a city or an offset ("UTC+8"). Raises ValueError."""
    given = " ".join(text.lower().replace("\u2212", "-").replace("\uff0b", "+").split())
    if match := _OFFSET.fullmatch(given):
        given = f"etc/gmt{_SIGNS[match[1]]}{int(match[2])}" if int(match[2]) else "utc"
    name = _NAMES.get(given.replace(" ", "_")) or _OTHERS.get(given) or _CITIES.get(given)
    if name is None:
        raise ValueError("no zone has that name")
    return ZoneInfo(name)


def name(zone: ZoneInfo) -> str:
    """Return the common name of `zone`; offsets as people write them."""
    match = _FIXED.fullmatch(zone.key)
    return f"UTC{_SIGNS[match[1]]}{match[2]}" if match and int(match[2]) else zone.key
