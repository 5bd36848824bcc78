"""Counts the assertions of a test run: how many places in the sources assert, and how often they were reached."""
import collections
import functools
import os
import sys
import unittest

PLACES = collections.Counter()  # (file, line) to calls


def count():
    """From now on. An assertion that another one makes inside unittest is not counted beside it."""
    for name in dir(unittest.TestCase):
        if name.startswith("assert") and callable(getattr(unittest.TestCase, name)):
            setattr(unittest.TestCase, name, counted(getattr(unittest.TestCase, name)))


def counted(method):
    @functools.wraps(method)
    def call(*arguments, **settings):
        frame = sys._getframe(1)
        if not frame.f_code.co_filename.endswith("case.py"):
            PLACES[os.path.basename(frame.f_code.co_filename), frame.f_lineno] += 1
        return method(*arguments, **settings)

    return call


def report(files):
    mine = {place: calls for place, calls in PLACES.items() if place[0] in files}
    return f"client: {len(mine)} assertions in the sources, reached {sum(mine.values())} times;"
