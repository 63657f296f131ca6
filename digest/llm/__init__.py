"""Language models behind an OpenAI-compatible endpoint: a prompt goes in, a validated value comes out.

`client` is the asynchronous edge. The modules beside it decide: the form of a request, the meaning of a refusal,
retries, pauses and budget, and what is made of an answer's text.
"""
