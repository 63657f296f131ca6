"""The judge: a second model that says whether texts mean what their originals say, and what follows from it.

`judge` asks it, `trust` decides whether it is believed; `translations` and `claims` put its verdicts to use.
"""
