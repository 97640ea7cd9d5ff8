"""A local TikTok for demos and tests: it speaks docs/tiktok-api.md over HTTP and nothing else.

It shares no code with the product, so that a mistake in one is not repeated in the other.
"""
