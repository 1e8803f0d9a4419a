DEFAULT_THRESHOLD = 0.15


def glance(p):
    return p


def cut_score(a, b):
    return 0.0
