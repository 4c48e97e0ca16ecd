"""Fixtures: a pair and a trio of fresh accounts, so that no test depends on another's."""

import pytest
from support import users


@pytest.fixture
def ana():
    return users(1, "ana")[0]


@pytest.fixture
def bob():
    return users(1, "bob")[0]


@pytest.fixture
def cyd():
    return users(1, "cyd")[0]
