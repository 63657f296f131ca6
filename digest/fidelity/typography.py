"""The typography of a language, on text in the stored form. Pure; formulas, code and addresses are left alone."""


def typeset(text: str, language: str, *, spaced: bool = False) -> str:
    """`text` as `language` (a BCP 47 tag) is set.

    Chinese: full-width punctuation beside Chinese, half-width digits and Latin, a blank between Chinese and
    Latin or digits if `spaced`, else none; around an address there is always one. Other languages stay as they are.
    """
    raise NotImplementedError
