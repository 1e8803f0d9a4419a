"""The few named errors. Each message is one line that begins with the function it comes from."""


class RifeError(ValueError):
    """An argument, a clip or a file that cannot be used; the message says which, what it is and what is allowed."""


class ModelError(RifeError):
    """A model that is unknown, missing, damaged or of another architecture than it was said to be."""
