"""What holds for every test."""

from hypothesis import settings

# A timing is never what a test is about: the machine may be busy with the other tests.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
