"""A public cloud provider: moto answers the AWS API, and this package adds what a lab needs beyond it.

Signatures that are checked, instances whose states take time, a token that makes an instance once, refusals
that a real provider gives, and a memory that survives a restart.
"""
