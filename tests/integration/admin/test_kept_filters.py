"""Filters kept under a name: opened again from the page, replaced, removed, and seen by nobody else."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from outreach.accounts.kept_filters import keep_filters, read_filters, remove_filters
from outreach.models.accounts import KeptFilters
from outreach.rules.errors import BadInput, NotFound
from tests.support.admin_client import post, signed_in
from tests.support.servers import both_databases
from tests.support.world import APPROVER, AUTHOR


def keep(world, name, query, email=AUTHOR):
    world.do(keep_filters, page="inbox.index", query=query, name=name, by=email)


def kept(world, email=AUTHOR):
    found = world.read(read_filters, world.user(email).id, "inbox.index")
    return [(each.name, each.query) for each in found]


@both_databases
def test_filters_are_kept_once_a_name_and_are_ones_own(world):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _n: keep(world, "Cần giúp", "kind=help"), range(2)))
    keep(world, " Cần  giúp ", "kind=help&mine=1")
    assert (kept(world), kept(world, APPROVER)) == ([("Cần giúp", "kind=help&mine=1")], [])
    filters_id = world.one(select(KeptFilters.id))
    with pytest.raises(NotFound):
        world.do(remove_filters, filters_id, by=APPROVER)
    world.do(remove_filters, filters_id)
    assert kept(world) == []


def test_an_empty_name_no_filter_and_too_many_are_refused(world):
    for name, query in ((" ", "kind=help"), ("Tất cả", "")):
        with pytest.raises(BadInput):
            keep(world, name, query)
    for n in range(20):
        keep(world, f"Bộ lọc {n}", "kind=help")
    with pytest.raises(BadInput):
        keep(world, "Một bộ nữa", "kind=help")
    keep(world, "Bộ lọc 3", "mine=1")  # replaced
    assert ("Bộ lọc 3", "mine=1") in kept(world)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_kept_filters_are_on_their_page_without_what_was_searched_for(world, client):
    signed_in(client, AUTHOR)
    page = client.get("/admin/people/?smartphone=no&s=ab12&after=g7").text
    assert 'value="smartphone=no"' in page
    sent = {"page": "contacts.index", "query": "smartphone=no&s=ab12", "filters_name": "Chưa có máy"}
    answer = post(client, "/admin/account/filters/keep", **sent)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/admin/people/?smartphone=no"
    page = client.get("/admin/people/").text
    assert '<a href="/admin/people/?smartphone=no">Chưa có máy</a>' in page
    assert "Chưa có máy" not in client.get("/admin/inbox/").text
    refused = post(client, "/admin/account/filters/keep", page="contacts.index", query="smartphone=no")
    assert refused.status_code == 422
    sent["page"] = "users.index"  # has no filters to keep
    assert post(client, "/admin/account/filters/keep", **sent).status_code == 422
