"""What `manage.py demo` does: the whole product on one machine, attached to the local TikTok.

Everything in it goes the way that it goes in production: the account is connected on the consent page,
customers write through signed webhooks. No row is put in by hand except the people who log in.
"""
