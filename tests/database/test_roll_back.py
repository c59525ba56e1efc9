"""Taking the mirror out again leaves a project as it was, and coming back loses no copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROLL_BACK = Path(__file__).parents[2] / "supabase" / "roll_back.sql"

OBJECTS = """
select 'function ' || p.oid::regprocedure
  from pg_proc p where p.pronamespace = 'public'::regnamespace
union all select 'trigger ' || t.tgname || ' ' || t.tgrelid::regclass
  from pg_trigger t where not t.tgisinternal
union all select 'relation ' || c.oid::regclass || ' ' || c.relkind::text
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'S')
union all select 'type ' || t.oid::regtype
  from pg_type t where t.typnamespace = 'public'::regnamespace and t.typtype = 'e'
union all select 'policy ' || p.tablename || ' ' || p.policyname from pg_policies p
union all select 'schema ' || n.nspname from pg_namespace n where n.nspname !~ '^pg_'
order by 1
"""


def adopt(project: Any) -> None:
    page = {"last_id": 0, "done": False}
    while not page["done"]:
        page = project.rpc("adopt_listings", p_after=page["last_id"], p_limit=500)


def test_roll_back_leaves_what_was_there_before(legacy: Any) -> None:
    before = legacy.rows(OBJECTS)
    legacy.migrate()
    adopt(legacy)
    listings = legacy.rows("select to_jsonb(l) from listings l order by id")
    legacy.sql.execute(ROLL_BACK.read_bytes())
    # What an operator set about dealers is his own work, like the rows of dealers, and what
    # happened to listings stays true.
    kept = [one for one in legacy.rows(OBJECTS) if "dealer_settings" not in one]
    assert [one for one in kept if "price_history" not in one] == before
    assert legacy.rows("select to_jsonb(l) from listings l order by id") == listings
    legacy.sql.execute("update listings set images = '[\"https://a.example/1.jpg\"]' where id = 1")


def test_coming_back_after_a_roll_back_keeps_every_copy(legacy: Any) -> None:
    legacy.migrate()
    adopt(legacy)
    kept = legacy.rows("select id, stored_images, images_upload_status from listings order by id")
    legacy.sql.execute(ROLL_BACK.read_bytes())
    legacy.sql.execute(ROLL_BACK.read_bytes())
    legacy.migrate()
    adopt(legacy)
    again = legacy.rows("select id, stored_images, images_upload_status from listings order by id")
    assert again == kept
    legacy.check_invariants()


def test_the_roll_back_knows_every_migration() -> None:
    versions = {file.name[:14] for file in (ROLL_BACK.parent / "migrations").glob("*.sql")}
    assert set(re.findall(r"'(\d{14})'", ROLL_BACK.read_text("utf-8"))) == versions
