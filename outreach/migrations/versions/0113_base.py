"""The tables of version 1.1.0: the oldest state of a database from which an upgrade is possible"""

from __future__ import annotations

import re

from alembic import op

revision = "0113_recipients_without_keys"
down_revision = None

# What SQLite has in place of PostgreSQL's words, one after the other. It gives out ids only where the type is exactly
# INTEGER, and those of attempts never again.
_IN_SQLITE = {
    "BIGSERIAL": "INTEGER",
    "BIGINT": "INTEGER",
    "INT8": "BIGINT",
    "TIMESTAMPTZ": "DATETIME",
    "BYTEA": "BLOB",
    ' COLLATE "C"': "",
    ",\n    ": ", \n\t",
    "DEFAULT false": "DEFAULT 0",
    "DEFAULT true": "DEFAULT 1",
    " CONSTRAINT pk_attempts PRIMARY KEY": " PRIMARY KEY AUTOINCREMENT",
}

# Each constraint is a line, as SQLAlchemy writes it: later migrations look for it in the declarations that SQLite keeps.
_TABLES = """\
CREATE TABLE areas (
    code VARCHAR(10) NOT NULL, name VARCHAR(80) NOT NULL, kind VARCHAR(20) NOT NULL,
    level VARCHAR(24) NOT NULL, parent_code VARCHAR(10), official_code VARCHAR(10) DEFAULT '' NOT NULL,
    valid_from VARCHAR(10), valid_to VARCHAR(10),
    CONSTRAINT pk_areas PRIMARY KEY (code),
    CONSTRAINT arealevel CHECK (level IN ('province', 'district', 'commune')),
    CONSTRAINT fk_areas_parent_code FOREIGN KEY(parent_code) REFERENCES areas (code)
);
CREATE INDEX ix_areas_parent_code ON areas (parent_code);
CREATE TABLE audit_events (
    id BIGSERIAL NOT NULL, at TIMESTAMPTZ NOT NULL, actor_id BIGINT, origin VARCHAR(64) DEFAULT '' NOT NULL,
    action VARCHAR(60) NOT NULL, subject VARCHAR(60) NOT NULL, details JSON NOT NULL,
    values_digest VARCHAR(64) DEFAULT '' NOT NULL, previous VARCHAR(64) DEFAULT '' NOT NULL,
    hash VARCHAR(64) DEFAULT '' NOT NULL, key_id VARCHAR(8) DEFAULT '' NOT NULL,
    CONSTRAINT pk_audit_events PRIMARY KEY (id)
);
CREATE INDEX ix_audit_events_actor_id_id ON audit_events (actor_id, id);
CREATE INDEX ix_audit_events_at ON audit_events (at);
CREATE INDEX ix_audit_events_subject_id ON audit_events (subject, id);
CREATE TABLE audit_head (
    id BIGSERIAL NOT NULL, last_id BIGINT NOT NULL, hash VARCHAR(64) NOT NULL, sent_at TIMESTAMPTZ,
    CONSTRAINT pk_audit_head PRIMARY KEY (id)
);
CREATE TABLE backups (
    id BIGSERIAL NOT NULL, taken_at TIMESTAMPTZ NOT NULL, key_check VARCHAR(16) NOT NULL,
    finished_at TIMESTAMPTZ, size INT8, restored_at TIMESTAMPTZ,
    CONSTRAINT pk_backups PRIMARY KEY (id)
);
CREATE TABLE control_phones (
    id BIGSERIAL NOT NULL, e164 VARCHAR(16) NOT NULL, holder VARCHAR(120) NOT NULL,
    added_at TIMESTAMPTZ NOT NULL, removed_at TIMESTAMPTZ,
    CONSTRAINT pk_control_phones PRIMARY KEY (id)
);
CREATE TABLE counters (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, list_id BIGINT, area_code VARCHAR(10),
    answer VARCHAR(24), own_answer INTEGER, day VARCHAR(10), people INTEGER NOT NULL,
    installed INTEGER NOT NULL,
    CONSTRAINT pk_counters PRIMARY KEY (id),
    CONSTRAINT label CHECK (answer IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'wrong_number', 'question', 'unclear'))
);
CREATE INDEX ix_counters_campaign_id ON counters (campaign_id);
CREATE INDEX ix_counters_unfolded ON counters (campaign_id) WHERE people < 0;
CREATE TABLE erasures (
    id BIGSERIAL NOT NULL, number_hash VARCHAR(64) NOT NULL, person_hash VARCHAR(64) NOT NULL,
    key_id VARCHAR(8) DEFAULT '' NOT NULL, is_gone BOOLEAN NOT NULL, erased_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_erasures PRIMARY KEY (id)
);
CREATE INDEX ix_erasures_number_hash ON erasures (number_hash);
CREATE INDEX ix_erasures_person_hash ON erasures (person_hash);
CREATE TABLE incidents (
    id BIGSERIAL NOT NULL, kind VARCHAR(40) NOT NULL, subject VARCHAR(60) NOT NULL, details JSON NOT NULL,
    at TIMESTAMPTZ NOT NULL, seen_at TIMESTAMPTZ, times INTEGER NOT NULL,
    CONSTRAINT pk_incidents PRIMARY KEY (id),
    CONSTRAINT uq_incidents_subject UNIQUE (subject)
);
CREATE TABLE openings (
    campaign_id BIGINT NOT NULL, recipient_id BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_openings PRIMARY KEY (campaign_id, recipient_id)
);
CREATE TABLE outbox (
    message_id BIGINT NOT NULL, stream_id BIGINT NOT NULL, not_before TIMESTAMPTZ NOT NULL,
    n SMALLINT NOT NULL, throttled SMALLINT NOT NULL, refused SMALLINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (message_id)
);
CREATE INDEX ix_outbox_claim ON outbox (stream_id, not_before, message_id);
CREATE TABLE phones (
    id BIGSERIAL NOT NULL, e164 VARCHAR(16) NOT NULL, reversed VARCHAR(16) COLLATE "C" DEFAULT '' NOT NULL,
    language VARCHAR(8), operator VARCHAR(16), created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_phones PRIMARY KEY (id),
    CONSTRAINT uq_phones_e164 UNIQUE (e164)
);
CREATE INDEX ix_phones_backwards ON phones (reversed);
CREATE TABLE reach_counted (
    campaign_id BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL, took_s FLOAT NOT NULL,
    CONSTRAINT pk_reach_counted PRIMARY KEY (campaign_id)
);
CREATE TABLE reach_counts (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, step_id BIGINT, organisation_id BIGINT,
    area_code VARCHAR(10), measure VARCHAR(24) NOT NULL, detail VARCHAR(24) NOT NULL, n BIGINT NOT NULL,
    CONSTRAINT pk_reach_counts PRIMARY KEY (id),
    CONSTRAINT measure CHECK (measure IN ('recipients', 'excluded', 'written', 'arrived', 'written_installed', 'written_without', 'messages', 'skipped', 'causes', 'segments', 'opened', 'clicked', 'answers', 'own_answers', 'installed', 'arms', 'arms_installed'))
);
CREATE INDEX ix_reach_counts_campaign_id ON reach_counts (campaign_id);
CREATE TABLE recipients (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, contact_id BIGINT, phone_id BIGINT, list_id BIGINT,
    area_code VARCHAR(10), exclusion VARCHAR(24), bucket INTEGER, answer VARCHAR(24), own_answer INTEGER,
    answered_at TIMESTAMPTZ, merge_id BIGINT DEFAULT '0' NOT NULL,
    wants_reminder BOOLEAN DEFAULT false NOT NULL, clicked_at TIMESTAMPTZ,
    CONSTRAINT pk_recipients PRIMARY KEY (id),
    CONSTRAINT exclusion CHECK (exclusion IN ('no_phone', 'opted_out', 'wrong_number', 'do_not_call', 'no_basis', 'excepted', 'not_also_in', 'outside_area', 'other_language', 'smartphone', 'answers', 'shared_phone', 'same_person')),
    CONSTRAINT label CHECK (answer IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'wrong_number', 'question', 'unclear'))
);
CREATE INDEX ix_recipients_answered ON recipients (campaign_id, answer, contact_id) WHERE answer IS NOT NULL;
CREATE INDEX ix_recipients_clicked ON recipients (campaign_id) WHERE clicked_at IS NOT NULL;
CREATE INDEX ix_recipients_contact_id ON recipients (contact_id);
CREATE INDEX ix_recipients_phone_id ON recipients (phone_id);
CREATE UNIQUE INDEX uq_recipients_campaign_id_contact_id_merge_id ON recipients (campaign_id, contact_id, merge_id);
CREATE UNIQUE INDEX uq_recipients_phone ON recipients (campaign_id, phone_id) WHERE exclusion IS NULL;
CREATE TABLE reply_parts (
    id BIGSERIAL NOT NULL, sender VARCHAR(32) NOT NULL, recipient VARCHAR(32) NOT NULL,
    reference INTEGER NOT NULL, total INTEGER NOT NULL, number INTEGER NOT NULL, body TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_reply_parts PRIMARY KEY (id),
    CONSTRAINT uq_reply_parts_sender_recipient_reference_number UNIQUE (sender, recipient, reference, number)
);
CREATE TABLE senders (
    name VARCHAR(20) NOT NULL, registered_on VARCHAR(10), pace FLOAT, note TEXT NOT NULL,
    CONSTRAINT pk_senders PRIMARY KEY (name)
);
CREATE TABLE status_events (
    id BIGSERIAL NOT NULL, attempt_id BIGINT NOT NULL, gateway_id VARCHAR(64) NOT NULL,
    status VARCHAR(20) NOT NULL, cause VARCHAR(24), code VARCHAR(24), received_at TIMESTAMPTZ NOT NULL,
    applied_at TIMESTAMPTZ,
    CONSTRAINT pk_status_events PRIMARY KEY (id)
);
CREATE INDEX ix_status_events_waiting ON status_events (id) WHERE applied_at IS NULL;
CREATE TABLE tallies (
    id BIGSERIAL NOT NULL, stream_id BIGINT NOT NULL, state VARCHAR(24) NOT NULL, cause VARCHAR(24),
    account_id SMALLINT DEFAULT 1 NOT NULL, n INTEGER NOT NULL, segments INTEGER NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_tallies PRIMARY KEY (id),
    CONSTRAINT attemptstate CHECK (state IN ('sending', 'unknown', 'absent', 'accepted', 'sent', 'no_report', 'failed', 'undelivered', 'delivered'))
);
CREATE INDEX ix_tallies_lane ON tallies (stream_id, at);
CREATE TABLE waiting_receipts (
    id BIGSERIAL NOT NULL, message_ids JSON NOT NULL, tags JSON NOT NULL, status VARCHAR(20) NOT NULL,
    cause VARCHAR(24), code VARCHAR(24), reference INTEGER, text VARCHAR(20) NOT NULL,
    received_at TIMESTAMPTZ NOT NULL, next_try_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_waiting_receipts PRIMARY KEY (id)
);
CREATE INDEX ix_waiting_receipts_due ON waiting_receipts (next_try_at);
CREATE TABLE webhook_bookmark (
    id BIGSERIAL NOT NULL, positions JSON NOT NULL,
    CONSTRAINT pk_webhook_bookmark PRIMARY KEY (id)
);
CREATE TABLE write_probes (
    name VARCHAR(20) NOT NULL, written_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT write_probes_pkey PRIMARY KEY (name)
);
CREATE TABLE area_successors (
    old_code VARCHAR(10) NOT NULL, new_code VARCHAR(10) NOT NULL, is_likely BOOLEAN NOT NULL,
    CONSTRAINT pk_area_successors PRIMARY KEY (old_code, new_code),
    CONSTRAINT fk_area_successors_old_code FOREIGN KEY(old_code) REFERENCES areas (code),
    CONSTRAINT fk_area_successors_new_code FOREIGN KEY(new_code) REFERENCES areas (code)
);
CREATE INDEX ix_area_successors_new_code ON area_successors (new_code);
CREATE TABLE audit_values (
    event_id BIGINT NOT NULL, salt VARCHAR(32), changes JSON, emptied_at TIMESTAMPTZ,
    CONSTRAINT pk_audit_values PRIMARY KEY (event_id),
    CONSTRAINT fk_audit_values_event_id FOREIGN KEY(event_id) REFERENCES audit_events (id)
);
CREATE TABLE contacts (
    id BIGSERIAL NOT NULL, name VARCHAR(120) NOT NULL, name_key VARCHAR(120) COLLATE "C" NOT NULL,
    given_key VARCHAR(160) COLLATE "C" DEFAULT '' NOT NULL, birth_year INTEGER, sex VARCHAR(1),
    area_code VARCHAR(10), village VARCHAR(120) NOT NULL, has_smartphone BOOLEAN,
    at_the_door BOOLEAN DEFAULT false NOT NULL, opted_out_at TIMESTAMPTZ, place_question_id BIGINT,
    created_at TIMESTAMPTZ NOT NULL, updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_contacts PRIMARY KEY (id),
    CONSTRAINT fk_contacts_area_code FOREIGN KEY(area_code) REFERENCES areas (code)
);
CREATE INDEX ix_contacts_area_code_given_key_id ON contacts (area_code, given_key, id);
CREATE INDEX ix_contacts_at_the_door ON contacts (name_key) WHERE at_the_door;
CREATE INDEX ix_contacts_given_key_id ON contacts (given_key, id);
CREATE INDEX ix_contacts_name_key_birth_year ON contacts (name_key, birth_year);
CREATE INDEX ix_contacts_name_key_id ON contacts (name_key, id);
CREATE INDEX ix_contacts_place_question_id ON contacts (place_question_id);
CREATE TABLE organisations (
    id BIGSERIAL NOT NULL, code VARCHAR(40) NOT NULL, name VARCHAR(200) NOT NULL, kind VARCHAR(24) NOT NULL,
    area_code VARCHAR(10), parent_id BIGINT,
    CONSTRAINT pk_organisations PRIMARY KEY (id),
    CONSTRAINT uq_organisations_code UNIQUE (code),
    CONSTRAINT organisationkind CHECK (kind IN ('front', 'mass', 'agency')),
    CONSTRAINT fk_organisations_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_organisations_parent_id FOREIGN KEY(parent_id) REFERENCES organisations (id)
);
CREATE INDEX ix_organisations_parent_id ON organisations (parent_id);
CREATE TABLE suppressions (
    id BIGSERIAL NOT NULL, number_hash VARCHAR(64) NOT NULL, key_id VARCHAR(8) DEFAULT '' NOT NULL,
    phone_id BIGINT, reason VARCHAR(24) NOT NULL, source VARCHAR(20) NOT NULL, note TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL, lifted_at TIMESTAMPTZ,
    CONSTRAINT pk_suppressions PRIMARY KEY (id),
    CONSTRAINT fk_suppressions_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE SET NULL,
    CONSTRAINT suppressionreason CHECK (reason IN ('opt_out', 'wrong_number', 'do_not_call'))
);
CREATE INDEX ix_suppressions_phone_id ON suppressions (phone_id);
CREATE INDEX ix_suppressions_unknown ON suppressions (number_hash) WHERE phone_id IS NULL;
CREATE UNIQUE INDEX uq_suppressions_active ON suppressions (number_hash, reason) WHERE lifted_at IS NULL;
CREATE TABLE column_mappings (
    organisation_id BIGINT NOT NULL, signature VARCHAR(32) NOT NULL, columns JSON NOT NULL,
    CONSTRAINT pk_column_mappings PRIMARY KEY (organisation_id, signature),
    CONSTRAINT fk_column_mappings_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE TABLE contact_lists (
    id BIGSERIAL NOT NULL, organisation_id BIGINT NOT NULL, name VARCHAR(120) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL, basis VARCHAR(24), basis_since VARCHAR(10),
    basis_note VARCHAR(200) DEFAULT '' NOT NULL, hidden BOOLEAN DEFAULT false NOT NULL,
    archived_at TIMESTAMPTZ, fields JSON DEFAULT '[]' NOT NULL,
    CONSTRAINT pk_contact_lists PRIMARY KEY (id),
    CONSTRAINT uq_contact_lists_organisation_id_name UNIQUE (organisation_id, name),
    CONSTRAINT fk_contact_lists_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT ck_contact_lists_legalbasis CHECK (basis IN ('consent', 'membership', 'duty', 'none'))
);
CREATE TABLE contact_moves (
    id BIGSERIAL NOT NULL, contact_id BIGINT NOT NULL, from_code VARCHAR(10) NOT NULL,
    to_code VARCHAR(10) NOT NULL, moved_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_contact_moves PRIMARY KEY (id),
    CONSTRAINT fk_contact_moves_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT fk_contact_moves_from_code FOREIGN KEY(from_code) REFERENCES areas (code),
    CONSTRAINT fk_contact_moves_to_code FOREIGN KEY(to_code) REFERENCES areas (code)
);
CREATE INDEX ix_contact_moves_contact_id ON contact_moves (contact_id);
CREATE TABLE contact_phones (
    contact_id BIGINT NOT NULL, phone_id BIGINT NOT NULL, position INTEGER NOT NULL,
    CONSTRAINT pk_contact_phones PRIMARY KEY (contact_id, phone_id),
    CONSTRAINT fk_contact_phones_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT fk_contact_phones_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id)
);
CREATE INDEX ix_contact_phones_phone_id ON contact_phones (phone_id);
CREATE TABLE contact_references (
    organisation_id BIGINT NOT NULL, reference VARCHAR(40) NOT NULL, contact_id BIGINT NOT NULL,
    CONSTRAINT pk_contact_references PRIMARY KEY (organisation_id, reference),
    CONSTRAINT fk_contact_references_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_contact_references_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE INDEX ix_contact_references_contact_id ON contact_references (contact_id);
CREATE TABLE former_recipients (
    campaign_id BIGINT NOT NULL, contact_id BIGINT NOT NULL,
    CONSTRAINT pk_former_recipients PRIMARY KEY (campaign_id, contact_id),
    CONSTRAINT fk_former_recipients_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE INDEX ix_former_recipients_contact_id ON former_recipients (contact_id);
CREATE TABLE kept_values (
    list_id BIGINT NOT NULL, name VARCHAR(30) NOT NULL, contact_id BIGINT NOT NULL,
    import_id BIGINT NOT NULL, value VARCHAR(60) NOT NULL,
    CONSTRAINT pk_kept_values PRIMARY KEY (list_id, name, contact_id, import_id),
    CONSTRAINT fk_kept_values_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE INDEX ix_kept_values_contact_id ON kept_values (contact_id);
CREATE INDEX ix_kept_values_import_id ON kept_values (import_id);
CREATE TABLE memberships (
    list_id BIGINT NOT NULL, contact_id BIGINT NOT NULL, import_id BIGINT, last_import_id BIGINT,
    row INTEGER, unit VARCHAR(120) NOT NULL, stated JSON,
    CONSTRAINT pk_memberships PRIMARY KEY (list_id, contact_id),
    CONSTRAINT fk_memberships_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE INDEX ix_memberships_contact_id ON memberships (contact_id);
CREATE TABLE sightings (
    contact_id BIGINT NOT NULL, import_id BIGINT NOT NULL, list_id BIGINT NOT NULL,
    CONSTRAINT pk_sightings PRIMARY KEY (contact_id, import_id),
    CONSTRAINT fk_sightings_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE TABLE users (
    id BIGSERIAL NOT NULL, email VARCHAR(254) NOT NULL, name VARCHAR(120) DEFAULT '' NOT NULL,
    role VARCHAR(24) NOT NULL, organisation_id BIGINT, area_code VARCHAR(10),
    password_hash VARCHAR(200) NOT NULL, is_active BOOLEAN NOT NULL, created_at TIMESTAMPTZ NOT NULL,
    totp_nonce VARCHAR(32), totp_step BIGINT DEFAULT '0' NOT NULL, wrong_codes INTEGER DEFAULT '0' NOT NULL,
    wrong_code_at TIMESTAMPTZ, phone VARCHAR(16), unwanted_notices JSON DEFAULT '[]' NOT NULL,
    notices_mailed_at TIMESTAMPTZ,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT ck_users_role CHECK (role IN ('administrator', 'staff', 'approver', 'leader', 'auditor', 'village')),
    CONSTRAINT fk_users_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_users_area_code FOREIGN KEY(area_code) REFERENCES areas (code)
);
CREATE TABLE api_tokens (
    id BIGSERIAL NOT NULL, name VARCHAR(80) NOT NULL, hash VARCHAR(64) NOT NULL,
    organisation_id BIGINT NOT NULL, rights JSON NOT NULL, made_by BIGINT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL, expires_at TIMESTAMPTZ NOT NULL, last_used_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ, is_sandbox BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_api_tokens PRIMARY KEY (id),
    CONSTRAINT uq_api_tokens_hash UNIQUE (hash),
    CONSTRAINT fk_api_tokens_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_api_tokens_made_by FOREIGN KEY(made_by) REFERENCES users (id)
);
CREATE TABLE breaches (
    id BIGSERIAL NOT NULL, found_at TIMESTAMPTZ NOT NULL, due_at TIMESTAMPTZ NOT NULL, what TEXT NOT NULL,
    people INTEGER, measures TEXT DEFAULT '' NOT NULL, recorded_by BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL, notice VARCHAR(300) DEFAULT '' NOT NULL, reported_by BIGINT,
    reported_at TIMESTAMPTZ,
    CONSTRAINT pk_breaches PRIMARY KEY (id),
    CONSTRAINT fk_breaches_recorded_by FOREIGN KEY(recorded_by) REFERENCES users (id),
    CONSTRAINT fk_breaches_reported_by FOREIGN KEY(reported_by) REFERENCES users (id)
);
CREATE TABLE campaign_kinds (
    id BIGSERIAL NOT NULL, code VARCHAR(40) NOT NULL, content JSON NOT NULL, created_by BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL, edited_at TIMESTAMPTZ,
    CONSTRAINT pk_campaign_kinds PRIMARY KEY (id),
    CONSTRAINT uq_campaign_kinds_code UNIQUE (code),
    CONSTRAINT fk_campaign_kinds_created_by FOREIGN KEY(created_by) REFERENCES users (id)
);
CREATE TABLE consent_events (
    id BIGSERIAL NOT NULL, contact_id BIGINT NOT NULL, purpose VARCHAR(40) NOT NULL,
    is_given BOOLEAN NOT NULL, "on" VARCHAR(10) NOT NULL, evidence VARCHAR(300) NOT NULL,
    guardian VARCHAR(120) DEFAULT '' NOT NULL, recorded_by BIGINT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_consent_events PRIMARY KEY (id),
    CONSTRAINT fk_consent_events_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT fk_consent_events_recorded_by FOREIGN KEY(recorded_by) REFERENCES users (id)
);
CREATE INDEX ix_consent_events_contact_id_id ON consent_events (contact_id, id);
CREATE TABLE different_people (
    pair VARCHAR(41) NOT NULL, contact_id BIGINT NOT NULL, said_by BIGINT NOT NULL,
    said_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT different_people_pkey PRIMARY KEY (pair, contact_id),
    CONSTRAINT different_people_contact_id_fkey FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT different_people_said_by_fkey FOREIGN KEY(said_by) REFERENCES users (id)
);
CREATE INDEX ix_different_people_contact_id ON different_people (contact_id);
CREATE TABLE drives (
    id BIGSERIAL NOT NULL, kind VARCHAR(40) NOT NULL, name VARCHAR(120) NOT NULL,
    starts_on VARCHAR(10) NOT NULL, ends_on VARCHAR(10), chosen_at TIMESTAMPTZ, created_by BIGINT,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_drives PRIMARY KEY (id),
    CONSTRAINT uq_drives_name UNIQUE (name),
    CONSTRAINT fk_drives_created_by FOREIGN KEY(created_by) REFERENCES users (id)
);
CREATE TABLE gateway_accounts (
    id BIGSERIAL NOT NULL, name VARCHAR(60) NOT NULL, kind VARCHAR(24) NOT NULL, state VARCHAR(24) NOT NULL,
    position INTEGER NOT NULL, url VARCHAR(300) NOT NULL, login VARCHAR(120) NOT NULL, sealed_secret TEXT,
    options JSON NOT NULL, senders JSON NOT NULL, operators JSON NOT NULL, pace FLOAT, price_vnd INTEGER,
    prices JSON NOT NULL, has_unicode BOOLEAN NOT NULL, proof VARCHAR(24) NOT NULL,
    rested_until TIMESTAMPTZ, rest_reason VARCHAR(200) NOT NULL, changed_by BIGINT,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_gateway_accounts PRIMARY KEY (id),
    CONSTRAINT uq_gateway_accounts_name UNIQUE (name),
    CONSTRAINT gatewaykind CHECK (kind IN ('environment', 'smpp', 'aggregator')),
    CONSTRAINT gatewaystate CHECK (state IN ('testing', 'active', 'draining', 'closed')),
    CONSTRAINT proof CHECK (proof IN ('handset', 'operator', 'nothing')),
    CONSTRAINT fk_gateway_accounts_changed_by_users FOREIGN KEY(changed_by) REFERENCES users (id)
);
CREATE TABLE kept_filters (
    id BIGSERIAL NOT NULL, user_id BIGINT NOT NULL, page VARCHAR(40) NOT NULL, name VARCHAR(60) NOT NULL,
    query VARCHAR(500) NOT NULL, kept_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_kept_filters PRIMARY KEY (id),
    CONSTRAINT uq_kept_filters_user_id_page_name UNIQUE (user_id, page, name),
    CONSTRAINT fk_kept_filters_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE language_spellings (
    id BIGSERIAL NOT NULL, key VARCHAR(80) NOT NULL, text VARCHAR(80) NOT NULL, code VARCHAR(8),
    decided_by BIGINT, decided_at TIMESTAMPTZ,
    CONSTRAINT pk_language_spellings PRIMARY KEY (id),
    CONSTRAINT uq_language_spellings_key UNIQUE (key),
    CONSTRAINT fk_language_spellings_decided_by FOREIGN KEY(decided_by) REFERENCES users (id)
);
CREATE TABLE languages (
    code VARCHAR(8) NOT NULL, offered_by BIGINT, offered_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_languages PRIMARY KEY (code),
    CONSTRAINT fk_languages_offered_by FOREIGN KEY(offered_by) REFERENCES users (id)
);
CREATE TABLE list_imports (
    id BIGSERIAL NOT NULL, list_id BIGINT NOT NULL, file_name VARCHAR(200) NOT NULL,
    sha256 VARCHAR(64) NOT NULL, counts JSON NOT NULL, headers JSON DEFAULT '{}' NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL, undone_at TIMESTAMPTZ,
    CONSTRAINT pk_list_imports PRIMARY KEY (id),
    CONSTRAINT fk_list_imports_list_id FOREIGN KEY(list_id) REFERENCES contact_lists (id)
);
CREATE INDEX ix_list_imports_list_id ON list_imports (list_id);
CREATE TABLE live_permits (
    id BIGSERIAL NOT NULL, allowed_by BIGINT, allowed_at TIMESTAMPTZ NOT NULL, reason TEXT NOT NULL,
    findings TEXT NOT NULL,
    CONSTRAINT live_permits_pkey PRIMARY KEY (id),
    CONSTRAINT live_permits_allowed_by_fkey FOREIGN KEY(allowed_by) REFERENCES users (id)
);
CREATE TABLE mailed_notices (
    user_id BIGINT NOT NULL, key VARCHAR(60) NOT NULL, mailed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_mailed_notices PRIMARY KEY (user_id, key),
    CONSTRAINT fk_mailed_notices_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE person_merges (
    id BIGSERIAL NOT NULL, kept_id BIGINT NOT NULL, merged_id BIGINT NOT NULL,
    name_key VARCHAR(120) COLLATE "C" NOT NULL, data JSON NOT NULL, merged_by BIGINT NOT NULL,
    merged_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_person_merges PRIMARY KEY (id),
    CONSTRAINT fk_person_merges_kept_id FOREIGN KEY(kept_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT fk_person_merges_merged_by FOREIGN KEY(merged_by) REFERENCES users (id)
);
CREATE INDEX ix_person_merges_kept_id ON person_merges (kept_id);
CREATE INDEX ix_person_merges_name_key ON person_merges (name_key);
CREATE TABLE person_requests (
    id BIGSERIAL NOT NULL, kind VARCHAR(24) NOT NULL, contact_id BIGINT, organisation_id BIGINT,
    asked_by VARCHAR(120) DEFAULT '' NOT NULL, asked_at TIMESTAMPTZ NOT NULL, due_at TIMESTAMPTZ NOT NULL,
    has_processor BOOLEAN DEFAULT false NOT NULL, carry_out_by TIMESTAMPTZ, responded_by BIGINT,
    responded_at TIMESTAMPTZ, extended_at TIMESTAMPTZ, extension_reason VARCHAR(300) DEFAULT '' NOT NULL,
    recorded_by BIGINT NOT NULL, recorded_at TIMESTAMPTZ NOT NULL, done_by BIGINT, done_at TIMESTAMPTZ,
    answer TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_person_requests PRIMARY KEY (id),
    CONSTRAINT requestkind CHECK (kind IN ('export', 'correct', 'object', 'erase', 'withdraw', 'restrict')),
    CONSTRAINT fk_person_requests_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE SET NULL,
    CONSTRAINT fk_person_requests_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_person_requests_responded_by FOREIGN KEY(responded_by) REFERENCES users (id),
    CONSTRAINT fk_person_requests_recorded_by FOREIGN KEY(recorded_by) REFERENCES users (id),
    CONSTRAINT fk_person_requests_done_by FOREIGN KEY(done_by) REFERENCES users (id)
);
CREATE INDEX ix_person_requests_contact_id ON person_requests (contact_id);
CREATE INDEX ix_person_requests_open ON person_requests (due_at) WHERE done_at IS NULL;
CREATE TABLE place_questions (
    id BIGSERIAL NOT NULL, key VARCHAR(32) NOT NULL, text VARCHAR(250) NOT NULL,
    village VARCHAR(120) DEFAULT '' NOT NULL, candidates JSON NOT NULL, area_code VARCHAR(10),
    decided_by BIGINT, decided_at TIMESTAMPTZ,
    CONSTRAINT pk_place_questions PRIMARY KEY (id),
    CONSTRAINT uq_place_questions_key UNIQUE (key),
    CONSTRAINT fk_place_questions_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_place_questions_decided_by FOREIGN KEY(decided_by) REFERENCES users (id)
);
CREATE TABLE recovery_codes (
    id BIGSERIAL NOT NULL, user_id BIGINT NOT NULL, code_hash VARCHAR(64) NOT NULL, used_at TIMESTAMPTZ,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (id),
    CONSTRAINT uq_recovery_codes_user_id_code_hash UNIQUE (user_id, code_hash),
    CONSTRAINT fk_recovery_codes_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE registered_templates (
    id BIGSERIAL NOT NULL, sender VARCHAR(20) NOT NULL, text TEXT NOT NULL, note VARCHAR(200) NOT NULL,
    made_by BIGINT NOT NULL, made_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_registered_templates PRIMARY KEY (id),
    CONSTRAINT fk_registered_templates_made_by_users FOREIGN KEY(made_by) REFERENCES users (id)
);
CREATE TABLE registers (
    id BIGSERIAL NOT NULL, file_name VARCHAR(200) NOT NULL, state VARCHAR(24) NOT NULL,
    counts JSON NOT NULL, error TEXT NOT NULL, tries INTEGER NOT NULL,
    may_shrink BOOLEAN DEFAULT false NOT NULL, handed_in_by BIGINT, handed_in_at TIMESTAMPTZ NOT NULL,
    due_at TIMESTAMPTZ, ended_at TIMESTAMPTZ,
    CONSTRAINT pk_registers PRIMARY KEY (id),
    CONSTRAINT registerstate CHECK (state IN ('waiting', 'done', 'failed')),
    CONSTRAINT fk_registers_handed_in_by FOREIGN KEY(handed_in_by) REFERENCES users (id)
);
CREATE TABLE removed_phones (
    id BIGSERIAL NOT NULL, contact_id BIGINT NOT NULL, phone_id BIGINT NOT NULL, note TEXT NOT NULL,
    opted_out BOOLEAN DEFAULT false NOT NULL, removed_by BIGINT NOT NULL, removed_at TIMESTAMPTZ NOT NULL,
    restored_at TIMESTAMPTZ,
    CONSTRAINT pk_removed_phones PRIMARY KEY (id),
    CONSTRAINT fk_removed_phones_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE,
    CONSTRAINT fk_removed_phones_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id),
    CONSTRAINT fk_removed_phones_removed_by FOREIGN KEY(removed_by) REFERENCES users (id)
);
CREATE INDEX ix_removed_phones_contact_id ON removed_phones (contact_id);
CREATE INDEX ix_removed_phones_phone_id ON removed_phones (phone_id);
CREATE TABLE saved_texts (
    id BIGSERIAL NOT NULL, organisation_id BIGINT, title VARCHAR(80) NOT NULL, text TEXT NOT NULL,
    kind VARCHAR(40), changed_by BIGINT NOT NULL, changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_saved_texts PRIMARY KEY (id),
    CONSTRAINT fk_saved_texts_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_saved_texts_changed_by FOREIGN KEY(changed_by) REFERENCES users (id)
);
CREATE INDEX ix_saved_texts_organisation_id ON saved_texts (organisation_id);
CREATE TABLE segments (
    id BIGSERIAL NOT NULL, organisation_id BIGINT, name VARCHAR(80) NOT NULL, data JSON NOT NULL,
    saved_by BIGINT NOT NULL, saved_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_segments PRIMARY KEY (id),
    CONSTRAINT uq_segments_organisation_id_name UNIQUE (organisation_id, name),
    CONSTRAINT fk_segments_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_segments_saved_by FOREIGN KEY(saved_by) REFERENCES users (id)
);
CREATE TABLE switches (
    name VARCHAR(20) NOT NULL, turned_by BIGINT NOT NULL, turned_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_switches PRIMARY KEY (name),
    CONSTRAINT fk_switches_turned_by FOREIGN KEY(turned_by) REFERENCES users (id)
);
CREATE TABLE user_identities (
    id BIGSERIAL NOT NULL, user_id BIGINT NOT NULL, issuer VARCHAR(255) NOT NULL,
    subject VARCHAR(255) NOT NULL, is_made BOOLEAN DEFAULT false NOT NULL, linked_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_user_identities PRIMARY KEY (id),
    CONSTRAINT uq_user_identities_issuer_subject UNIQUE (issuer, subject),
    CONSTRAINT uq_user_identities_user_id_issuer UNIQUE (user_id, issuer),
    CONSTRAINT fk_user_identities_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE user_sessions (
    id BIGSERIAL NOT NULL, key VARCHAR(32) NOT NULL, user_id BIGINT NOT NULL, began_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ, seen_at TIMESTAMPTZ NOT NULL, address VARCHAR(64) NOT NULL,
    device VARCHAR(60) NOT NULL, ended_at TIMESTAMPTZ, kept_until TIMESTAMPTZ,
    CONSTRAINT pk_user_sessions PRIMARY KEY (id),
    CONSTRAINT uq_user_sessions_key UNIQUE (key),
    CONSTRAINT fk_user_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE INDEX ix_user_sessions_user_id ON user_sessions (user_id);
CREATE TABLE webhook_subscriptions (
    id BIGSERIAL NOT NULL, name VARCHAR(80) NOT NULL, url VARCHAR(500) NOT NULL,
    organisation_id BIGINT NOT NULL, kinds JSON NOT NULL, salt VARCHAR(32) NOT NULL,
    made_by BIGINT NOT NULL, made_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ, due_at TIMESTAMPTZ,
    tries INTEGER NOT NULL, leased_until TIMESTAMPTZ,
    CONSTRAINT pk_webhook_subscriptions PRIMARY KEY (id),
    CONSTRAINT fk_webhook_subscriptions_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_webhook_subscriptions_made_by FOREIGN KEY(made_by) REFERENCES users (id)
);
CREATE TABLE agency_links (
    id BIGSERIAL NOT NULL, organisation_id BIGINT NOT NULL, holder VARCHAR(120) NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ, made_by BIGINT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_agency_links PRIMARY KEY (id),
    CONSTRAINT fk_agency_links_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_agency_links_made_by FOREIGN KEY(made_by) REFERENCES users (id),
    CONSTRAINT fk_agency_links_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_agency_links_organisation_id ON agency_links (organisation_id);
CREATE TABLE api_requests (
    id BIGSERIAL NOT NULL, token_id BIGINT NOT NULL, key VARCHAR(100) NOT NULL, sha256 VARCHAR(64) NOT NULL,
    row_id BIGINT, at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_api_requests PRIMARY KEY (id),
    CONSTRAINT uq_api_requests_token_id_key UNIQUE (token_id, key),
    CONSTRAINT fk_api_requests_token_id FOREIGN KEY(token_id) REFERENCES api_tokens (id)
);
CREATE TABLE campaigns (
    id BIGSERIAL NOT NULL, name VARCHAR(120) NOT NULL, state VARCHAR(24) NOT NULL,
    pause_reason VARCHAR(200) NOT NULL, organisation_id BIGINT, sender VARCHAR(20) NOT NULL,
    kind VARCHAR(40) DEFAULT 'bluezone' NOT NULL, is_health BOOLEAN DEFAULT false NOT NULL,
    content JSON NOT NULL, unaccented BOOLEAN NOT NULL, unaccented_languages JSON DEFAULT '[]' NOT NULL,
    fields JSON DEFAULT '{}' NOT NULL, areas JSON NOT NULL, conditions JSON DEFAULT '{}' NOT NULL,
    pace FLOAT, window_from VARCHAR(5), window_to VARCHAR(5), cap_per_day INTEGER, budget_vnd INTEGER,
    price_vnd INTEGER, segments_taken INTEGER DEFAULT '0' NOT NULL,
    priced_segments INTEGER DEFAULT '0' NOT NULL, priced_vnd INT8 DEFAULT '0' NOT NULL,
    first_refusals INTEGER DEFAULT '0', segment_factor FLOAT DEFAULT '1' NOT NULL, starts_at TIMESTAMPTZ,
    deadline TIMESTAMPTZ, created_by BIGINT NOT NULL, approved_by BIGINT, approved_recipients INTEGER,
    approved_bases JSON, created_at TIMESTAMPTZ NOT NULL, submitted_at TIMESTAMPTZ, approved_at TIMESTAMPTZ,
    launched_at TIMESTAMPTZ, resumed_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, corrected_at TIMESTAMPTZ,
    correction JSON, wave JSON, cleared_at TIMESTAMPTZ, urgent_reason TEXT DEFAULT '' NOT NULL,
    urgent_basis TEXT DEFAULT '' NOT NULL, corrects JSON, seed INTEGER, recipients INTEGER,
    drive_id BIGINT NOT NULL,
    CONSTRAINT pk_campaigns PRIMARY KEY (id),
    CONSTRAINT campaignstate CHECK (state IN ('draft', 'submitted', 'approved', 'scheduled', 'sending', 'paused', 'completed', 'cancelled')),
    CONSTRAINT fk_campaigns_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_campaigns_created_by FOREIGN KEY(created_by) REFERENCES users (id),
    CONSTRAINT fk_campaigns_approved_by FOREIGN KEY(approved_by) REFERENCES users (id),
    CONSTRAINT fk_campaigns_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_campaigns_organisation_id ON campaigns (organisation_id);
CREATE TABLE import_changes (
    import_id BIGINT NOT NULL, contact_id BIGINT NOT NULL, fields JSON NOT NULL, phones JSON NOT NULL,
    CONSTRAINT pk_import_changes PRIMARY KEY (import_id, contact_id),
    CONSTRAINT fk_import_changes_import_id FOREIGN KEY(import_id) REFERENCES list_imports (id) ON DELETE CASCADE,
    CONSTRAINT fk_import_changes_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);
CREATE INDEX ix_import_changes_contact_id ON import_changes (contact_id);
CREATE TABLE import_issues (
    id BIGSERIAL NOT NULL, import_id BIGINT NOT NULL, row INTEGER NOT NULL, status VARCHAR(10) NOT NULL,
    reason VARCHAR(40) NOT NULL, key VARCHAR(32) DEFAULT '' NOT NULL, cells JSON NOT NULL,
    contact_id BIGINT, decision VARCHAR(20), undo JSON, decided_by BIGINT, decided_at TIMESTAMPTZ,
    CONSTRAINT pk_import_issues PRIMARY KEY (id),
    CONSTRAINT uq_import_issues_import_id_row_status UNIQUE (import_id, row, status),
    CONSTRAINT fk_import_issues_import_id FOREIGN KEY(import_id) REFERENCES list_imports (id) ON DELETE CASCADE,
    CONSTRAINT fk_import_issues_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE SET NULL,
    CONSTRAINT fk_import_issues_decided_by FOREIGN KEY(decided_by) REFERENCES users (id)
);
CREATE INDEX ix_import_issues_contact_id ON import_issues (contact_id);
CREATE INDEX ix_import_issues_key ON import_issues (key);
CREATE TABLE official_installs (
    id BIGSERIAL NOT NULL, area_code VARCHAR(10) NOT NULL, day VARCHAR(10) NOT NULL,
    installed INTEGER NOT NULL, source VARCHAR(200) NOT NULL, entered_by BIGINT NOT NULL,
    entered_at TIMESTAMPTZ NOT NULL, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_official_installs PRIMARY KEY (id),
    CONSTRAINT fk_official_installs_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_official_installs_entered_by FOREIGN KEY(entered_by) REFERENCES users (id),
    CONSTRAINT fk_official_installs_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_official_installs_drive_id_area_code_day_id ON official_installs (drive_id, area_code, day, id);
CREATE TABLE report_days (
    drive_id BIGINT NOT NULL, day VARCHAR(10) NOT NULL, chased_at TIMESTAMPTZ, alarmed_at TIMESTAMPTZ,
    undelivered_at TIMESTAMPTZ, failed_at TIMESTAMPTZ, by_hand_at TIMESTAMPTZ, by_hand_by BIGINT,
    marks JSON NOT NULL, pending JSON NOT NULL, looked_at TIMESTAMPTZ,
    CONSTRAINT pk_report_days PRIMARY KEY (drive_id, day),
    CONSTRAINT fk_report_days_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id),
    CONSTRAINT fk_report_days_by_hand_by FOREIGN KEY(by_hand_by) REFERENCES users (id)
);
CREATE TABLE report_forms (
    id BIGSERIAL NOT NULL, data JSON NOT NULL, saved_by BIGINT NOT NULL, saved_at TIMESTAMPTZ NOT NULL,
    drive_id BIGINT NOT NULL,
    CONSTRAINT pk_report_forms PRIMARY KEY (id),
    CONSTRAINT fk_report_forms_saved_by FOREIGN KEY(saved_by) REFERENCES users (id),
    CONSTRAINT fk_report_forms_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE TABLE report_issues (
    id BIGSERIAL NOT NULL, day VARCHAR(10) NOT NULL, n INTEGER NOT NULL, snapshot JSON NOT NULL,
    digest VARCHAR(64) NOT NULL, form JSON NOT NULL, changes JSON NOT NULL, written_on VARCHAR(10) NOT NULL,
    frozen_at TIMESTAMPTZ NOT NULL, issued_at TIMESTAMPTZ, issued_by BIGINT, notes JSON,
    prepared_at TIMESTAMPTZ, prepared_by BIGINT, approved_at TIMESTAMPTZ, approved_by BIGINT, document JSON,
    drive_id BIGINT NOT NULL,
    CONSTRAINT pk_report_issues PRIMARY KEY (id),
    CONSTRAINT uq_report_issues_drive_id_day_n UNIQUE (drive_id, day, n),
    CONSTRAINT fk_report_issues_issued_by FOREIGN KEY(issued_by) REFERENCES users (id),
    CONSTRAINT fk_report_issues_prepared_by FOREIGN KEY(prepared_by) REFERENCES users (id),
    CONSTRAINT fk_report_issues_approved_by FOREIGN KEY(approved_by) REFERENCES users (id),
    CONSTRAINT fk_report_issues_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE TABLE report_links (
    id BIGSERIAL NOT NULL, day VARCHAR(10) NOT NULL, expires_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ,
    made_by BIGINT, made_at TIMESTAMPTZ NOT NULL, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_report_links PRIMARY KEY (id),
    CONSTRAINT fk_report_links_made_by FOREIGN KEY(made_by) REFERENCES users (id),
    CONSTRAINT fk_report_links_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_report_links_day ON report_links (day);
CREATE TABLE template_states (
    template_id BIGINT NOT NULL, account_id BIGINT NOT NULL, state VARCHAR(24) NOT NULL, until VARCHAR(10),
    CONSTRAINT pk_template_states PRIMARY KEY (template_id, account_id),
    CONSTRAINT fk_template_states_template_id_registered_templates FOREIGN KEY(template_id) REFERENCES registered_templates (id) ON DELETE CASCADE,
    CONSTRAINT fk_template_states_account_id_gateway_accounts FOREIGN KEY(account_id) REFERENCES gateway_accounts (id),
    CONSTRAINT templatestate CHECK (state IN ('asked', 'accepted', 'refused'))
);
CREATE TABLE unread_languages (
    phone_id BIGINT NOT NULL, spelling_id BIGINT NOT NULL,
    CONSTRAINT pk_unread_languages PRIMARY KEY (phone_id),
    CONSTRAINT fk_unread_languages_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id) ON DELETE CASCADE,
    CONSTRAINT fk_unread_languages_spelling_id FOREIGN KEY(spelling_id) REFERENCES language_spellings (id)
);
CREATE INDEX ix_unread_languages_spelling_id ON unread_languages (spelling_id);
CREATE TABLE uploads (
    id BIGSERIAL NOT NULL, list_id BIGINT NOT NULL, file_name VARCHAR(200) NOT NULL, size INTEGER NOT NULL,
    sha256 VARCHAR(64) NOT NULL, state VARCHAR(24) NOT NULL, progress INTEGER NOT NULL, total INTEGER,
    counts JSON NOT NULL, preview JSON NOT NULL, corrected JSON DEFAULT '{}' NOT NULL,
    tries INTEGER DEFAULT 0 NOT NULL, error TEXT NOT NULL, uploaded_by BIGINT,
    uploaded_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ, due_at TIMESTAMPTZ, import_id BIGINT,
    CONSTRAINT pk_uploads PRIMARY KEY (id),
    CONSTRAINT fk_uploads_list_id FOREIGN KEY(list_id) REFERENCES contact_lists (id),
    CONSTRAINT uploadstate CHECK (state IN ('checking', 'ready', 'storing', 'undoing', 'done', 'failed', 'cancelled')),
    CONSTRAINT fk_uploads_uploaded_by FOREIGN KEY(uploaded_by) REFERENCES users (id),
    CONSTRAINT fk_uploads_import_id FOREIGN KEY(import_id) REFERENCES list_imports (id)
);
CREATE INDEX ix_uploads_list_id ON uploads (list_id);
CREATE TABLE urgings (
    id BIGSERIAL NOT NULL, day VARCHAR(10) NOT NULL, area_code VARCHAR(10), organisation_id BIGINT,
    channel VARCHAR(24) NOT NULL, contact VARCHAR(200) NOT NULL, address VARCHAR(254) NOT NULL,
    text TEXT NOT NULL, written_by BIGINT NOT NULL, written_at TIMESTAMPTZ NOT NULL,
    next_at TIMESTAMPTZ NOT NULL, error VARCHAR(60) NOT NULL, sent_at TIMESTAMPTZ, answer TEXT NOT NULL,
    answered_at TIMESTAMPTZ, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_urgings PRIMARY KEY (id),
    CONSTRAINT uq_urgings_drive_id_day_address UNIQUE (drive_id, day, address),
    CONSTRAINT fk_urgings_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_urgings_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT urgechannel CHECK (channel IN ('mail', 'sms')),
    CONSTRAINT fk_urgings_written_by FOREIGN KEY(written_by) REFERENCES users (id),
    CONSTRAINT fk_urgings_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_urgings_drive_id_area_code ON urgings (drive_id, area_code);
CREATE INDEX ix_urgings_sent_at_next_at ON urgings (sent_at, next_at);
CREATE TABLE webhook_deliveries (
    id BIGSERIAL NOT NULL, subscription_id BIGINT NOT NULL, event_id VARCHAR(40) NOT NULL,
    key VARCHAR(80) NOT NULL, kind VARCHAR(24) NOT NULL, data JSON NOT NULL, at TIMESTAMPTZ NOT NULL,
    since TIMESTAMPTZ NOT NULL, due_at TIMESTAMPTZ NOT NULL, state VARCHAR(24) NOT NULL,
    tries INTEGER NOT NULL, status INTEGER, error VARCHAR(60) NOT NULL, ended_at TIMESTAMPTZ,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
    CONSTRAINT uq_webhook_deliveries_subscription_id_key UNIQUE (subscription_id, key),
    CONSTRAINT fk_webhook_deliveries_subscription_id FOREIGN KEY(subscription_id) REFERENCES webhook_subscriptions (id),
    CONSTRAINT uq_webhook_deliveries_event_id UNIQUE (event_id),
    CONSTRAINT deliverystate CHECK (state IN ('waiting', 'delivered', 'failed'))
);
CREATE INDEX ix_webhook_deliveries_waiting ON webhook_deliveries (subscription_id, id) WHERE state = 'waiting';
CREATE TABLE activities (
    id BIGSERIAL NOT NULL, entry_id BIGINT, kind VARCHAR(24) NOT NULL, first VARCHAR(10) NOT NULL,
    last VARCHAR(10) NOT NULL, times SMALLINT NOT NULL, people INTEGER, who VARCHAR(200) NOT NULL,
    place VARCHAR(200) NOT NULL, about VARCHAR(200) NOT NULL, area_code VARCHAR(10) NOT NULL,
    organisation_id BIGINT NOT NULL, campaign_id BIGINT, is_withdrawn BOOLEAN NOT NULL,
    form_key VARCHAR(32), entered_by BIGINT NOT NULL, entered_at TIMESTAMPTZ NOT NULL,
    replaced_at TIMESTAMPTZ, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_activities PRIMARY KEY (id),
    CONSTRAINT kind CHECK (kind IN ('radio', 'television', 'newspaper', 'portal', 'loudspeaker', 'meeting', 'visits')),
    CONSTRAINT fk_activities_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_activities_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_activities_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT uq_activities_form_key UNIQUE (form_key),
    CONSTRAINT fk_activities_entered_by FOREIGN KEY(entered_by) REFERENCES users (id),
    CONSTRAINT fk_activities_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_activities_entry ON activities (entry_id, id);
CREATE INDEX ix_activities_organisation_id ON activities (organisation_id);
CREATE INDEX ix_activities_standing ON activities (last, id) WHERE replaced_at IS NULL;
CREATE TABLE agency_reports (
    id BIGSERIAL NOT NULL, organisation_id BIGINT NOT NULL, day VARCHAR(10) NOT NULL,
    staff INTEGER NOT NULL, with_smartphone INTEGER, installed INTEGER, note TEXT DEFAULT '' NOT NULL,
    channel VARCHAR(24) NOT NULL, user_id BIGINT, link_id BIGINT, reported_at TIMESTAMPTZ NOT NULL,
    drive_id BIGINT NOT NULL,
    CONSTRAINT pk_agency_reports PRIMARY KEY (id),
    CONSTRAINT fk_agency_reports_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT ck_agency_reports_road CHECK (channel IN ('form', 'link', 'file', 'roster')),
    CONSTRAINT fk_agency_reports_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_agency_reports_link_id FOREIGN KEY(link_id) REFERENCES agency_links (id),
    CONSTRAINT fk_agency_reports_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_agency_reports_drive_id_organisation_id_day_id ON agency_reports (drive_id, organisation_id, day, id);
CREATE TABLE campaign_authors (
    campaign_id BIGINT NOT NULL, user_id BIGINT NOT NULL,
    CONSTRAINT pk_campaign_authors PRIMARY KEY (campaign_id, user_id),
    CONSTRAINT fk_campaign_authors_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_campaign_authors_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE TABLE campaign_comments (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, card VARCHAR(24) NOT NULL, reply_to BIGINT,
    text TEXT NOT NULL, written_by BIGINT NOT NULL, written_at TIMESTAMPTZ NOT NULL, settled_by BIGINT,
    settled_at TIMESTAMPTZ,
    CONSTRAINT pk_campaign_comments PRIMARY KEY (id),
    CONSTRAINT fk_campaign_comments_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT commentcard CHECK (card IN ('whom', 'words', 'when', 'check')),
    CONSTRAINT fk_campaign_comments_reply_to FOREIGN KEY(reply_to) REFERENCES campaign_comments (id),
    CONSTRAINT fk_campaign_comments_written_by FOREIGN KEY(written_by) REFERENCES users (id),
    CONSTRAINT fk_campaign_comments_settled_by FOREIGN KEY(settled_by) REFERENCES users (id)
);
CREATE INDEX ix_campaign_comments_campaign_id ON campaign_comments (campaign_id);
CREATE TABLE campaign_forms (
    id BIGSERIAL NOT NULL, key VARCHAR(40) NOT NULL, campaign_id BIGINT, fields JSON NOT NULL,
    version INTEGER NOT NULL, writer VARCHAR(40) NOT NULL, created_by BIGINT NOT NULL,
    written_by BIGINT NOT NULL, written_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_campaign_forms PRIMARY KEY (id),
    CONSTRAINT uq_campaign_forms_key UNIQUE (key),
    CONSTRAINT fk_campaign_forms_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_campaign_forms_created_by FOREIGN KEY(created_by) REFERENCES users (id),
    CONSTRAINT fk_campaign_forms_written_by FOREIGN KEY(written_by) REFERENCES users (id)
);
CREATE INDEX ix_campaign_forms_campaign_id ON campaign_forms (campaign_id);
CREATE INDEX ix_campaign_forms_created_by ON campaign_forms (created_by);
CREATE TABLE campaign_lists (
    campaign_id BIGINT NOT NULL, list_id BIGINT NOT NULL, is_chosen BOOLEAN DEFAULT true NOT NULL,
    CONSTRAINT pk_campaign_lists PRIMARY KEY (campaign_id, list_id),
    CONSTRAINT fk_campaign_lists_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_campaign_lists_list_id FOREIGN KEY(list_id) REFERENCES contact_lists (id)
);
CREATE TABLE campaign_other_lists (
    campaign_id BIGINT NOT NULL, list_id BIGINT NOT NULL, part VARCHAR(24) NOT NULL,
    CONSTRAINT pk_campaign_other_lists PRIMARY KEY (campaign_id, list_id, part),
    CONSTRAINT fk_campaign_other_lists_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_campaign_other_lists_list_id FOREIGN KEY(list_id) REFERENCES contact_lists (id),
    CONSTRAINT listpart CHECK (part IN ('also_in', 'except'))
);
CREATE TABLE campaign_versions (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, n INTEGER NOT NULL, data JSON NOT NULL,
    submitted_by BIGINT NOT NULL, submitted_at TIMESTAMPTZ NOT NULL, mailed_at TIMESTAMPTZ,
    CONSTRAINT pk_campaign_versions PRIMARY KEY (id),
    CONSTRAINT uq_campaign_versions_campaign_id_n UNIQUE (campaign_id, n),
    CONSTRAINT fk_campaign_versions_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_campaign_versions_submitted_by FOREIGN KEY(submitted_by) REFERENCES users (id)
);
CREATE TABLE denominators (
    id BIGSERIAL NOT NULL, value INTEGER, as_of VARCHAR(10) NOT NULL, source VARCHAR(200) NOT NULL,
    entered_by BIGINT NOT NULL, entered_at TIMESTAMPTZ NOT NULL, scope VARCHAR(24) NOT NULL,
    area_code VARCHAR(10), organisation_id BIGINT, campaign_id BIGINT, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_denominators PRIMARY KEY (id),
    CONSTRAINT fk_denominators_entered_by FOREIGN KEY(entered_by) REFERENCES users (id),
    CONSTRAINT scope CHECK (scope IN ('residents', 'staff', 'members', 'audience')),
    CONSTRAINT fk_denominators_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_denominators_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_denominators_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_denominators_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_denominators_campaign_id ON denominators (campaign_id);
CREATE INDEX ix_denominators_drive_id_scope ON denominators (drive_id, scope);
CREATE TABLE goals (
    id BIGSERIAL NOT NULL, share FLOAT, deadline VARCHAR(10), basis VARCHAR(200) DEFAULT '' NOT NULL,
    entered_by BIGINT, entered_at TIMESTAMPTZ NOT NULL, scope VARCHAR(24) NOT NULL, area_code VARCHAR(10),
    organisation_id BIGINT, campaign_id BIGINT, drive_id BIGINT NOT NULL,
    CONSTRAINT pk_goals PRIMARY KEY (id),
    CONSTRAINT fk_goals_entered_by FOREIGN KEY(entered_by) REFERENCES users (id),
    CONSTRAINT scope CHECK (scope IN ('residents', 'staff', 'members', 'audience')),
    CONSTRAINT fk_goals_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_goals_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_goals_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_goals_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_goals_campaign_id ON goals (campaign_id);
CREATE INDEX ix_goals_drive_id_scope ON goals (drive_id, scope);
CREATE TABLE replies (
    id BIGSERIAL NOT NULL, gateway_id VARCHAR(64) NOT NULL, phone_id BIGINT, sender VARCHAR(32) NOT NULL,
    recipient_id BIGINT, campaign_id BIGINT, body TEXT NOT NULL, label VARCHAR(24) NOT NULL,
    confidence FLOAT NOT NULL, is_sure BOOLEAN DEFAULT true NOT NULL,
    is_urgent BOOLEAN DEFAULT false NOT NULL, emergency_id BIGINT, state VARCHAR(24) NOT NULL,
    received_at TIMESTAMPTZ NOT NULL, channel VARCHAR(24) DEFAULT 'twilio' NOT NULL,
    CONSTRAINT pk_replies PRIMARY KEY (id),
    CONSTRAINT uq_replies_gateway_id UNIQUE (gateway_id),
    CONSTRAINT fk_replies_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id),
    CONSTRAINT fk_replies_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipients (id),
    CONSTRAINT fk_replies_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT label CHECK (label IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'wrong_number', 'question', 'unclear')),
    CONSTRAINT replystate CHECK (state IN ('applied', 'inbox', 'handled')),
    CONSTRAINT ck_replies_road CHECK (channel IN ('twilio', 'push', 'phone', 'log', 'page', 'api'))
);
CREATE INDEX ix_replies_inbox ON replies (state, received_at);
CREATE INDEX ix_replies_phone_id ON replies (phone_id);
CREATE INDEX ix_replies_recipient_id ON replies (recipient_id);
CREATE INDEX ix_replies_sender_received_at ON replies (sender, received_at);
CREATE TABLE report_files (
    issue_id BIGINT NOT NULL, kind VARCHAR(24) NOT NULL, content BYTEA NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    CONSTRAINT pk_report_files PRIMARY KEY (issue_id, kind),
    CONSTRAINT fk_report_files_issue_id FOREIGN KEY(issue_id) REFERENCES report_issues (id),
    CONSTRAINT filekind CHECK (kind IN ('docx', 'pdf', 'xlsx'))
);
CREATE TABLE report_mails (
    id BIGSERIAL NOT NULL, key VARCHAR(340) NOT NULL, day VARCHAR(10) NOT NULL,
    purpose VARCHAR(24) NOT NULL, issue_id BIGINT, organisation_id BIGINT, link_id BIGINT,
    address VARCHAR(254) NOT NULL, next_at TIMESTAMPTZ NOT NULL, expires_at TIMESTAMPTZ NOT NULL,
    tries INTEGER NOT NULL, error VARCHAR(60) NOT NULL, refused_at TIMESTAMPTZ, sent_at TIMESTAMPTZ,
    drive_id BIGINT NOT NULL,
    CONSTRAINT pk_report_mails PRIMARY KEY (id),
    CONSTRAINT uq_report_mails_key UNIQUE (key),
    CONSTRAINT purpose CHECK (purpose IN ('chase', 'alarm_missing', 'alarm_undelivered', 'report', 'correction')),
    CONSTRAINT fk_report_mails_issue_id FOREIGN KEY(issue_id) REFERENCES report_issues (id),
    CONSTRAINT fk_report_mails_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_report_mails_link_id FOREIGN KEY(link_id) REFERENCES agency_links (id),
    CONSTRAINT fk_report_mails_drive_id FOREIGN KEY(drive_id) REFERENCES drives (id)
);
CREATE INDEX ix_report_mails_day ON report_mails (day);
CREATE INDEX ix_report_mails_sent_at_next_at ON report_mails (sent_at, next_at);
CREATE TABLE rounds (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, organisation_id BIGINT NOT NULL, list_id BIGINT,
    area_code VARCHAR(10), village VARCHAR(120) NOT NULL, officer VARCHAR(120) NOT NULL,
    made_by BIGINT NOT NULL, made_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_rounds PRIMARY KEY (id),
    CONSTRAINT fk_rounds_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_rounds_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_rounds_list_id FOREIGN KEY(list_id) REFERENCES contact_lists (id),
    CONSTRAINT fk_rounds_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT fk_rounds_made_by FOREIGN KEY(made_by) REFERENCES users (id)
);
CREATE INDEX ix_rounds_campaign_id ON rounds (campaign_id);
CREATE INDEX ix_rounds_organisation_id ON rounds (organisation_id);
CREATE TABLE rows_received (
    id BIGSERIAL NOT NULL, token_id BIGINT NOT NULL, key VARCHAR(100) NOT NULL, sha256 VARCHAR(64) NOT NULL,
    upload_id BIGINT NOT NULL, at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_rows_received PRIMARY KEY (id),
    CONSTRAINT uq_rows_received_token_id_key UNIQUE (token_id, key),
    CONSTRAINT fk_rows_received_token_id FOREIGN KEY(token_id) REFERENCES api_tokens (id),
    CONSTRAINT fk_rows_received_upload_id FOREIGN KEY(upload_id) REFERENCES uploads (id)
);
CREATE INDEX ix_rows_received_upload_id ON rows_received (upload_id);
CREATE TABLE steps (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, number INTEGER NOT NULL,
    after_days INTEGER NOT NULL, at VARCHAR(5), text TEXT NOT NULL, text_b TEXT,
    texts JSON DEFAULT '{}' NOT NULL, hold_out FLOAT DEFAULT '0' NOT NULL, opened_at TIMESTAMPTZ,
    segments_each FLOAT,
    CONSTRAINT pk_steps PRIMARY KEY (id),
    CONSTRAINT uq_steps_campaign_id_number UNIQUE (campaign_id, number),
    CONSTRAINT fk_steps_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
);
CREATE TABLE answers (
    id BIGSERIAL NOT NULL, recipient_id BIGINT, campaign_id BIGINT, phone_id BIGINT NOT NULL,
    label VARCHAR(24) NOT NULL, own_answer INTEGER, drive_only BOOLEAN DEFAULT false NOT NULL,
    source VARCHAR(24) NOT NULL, reply_id BIGINT, at TIMESTAMPTZ NOT NULL, undone_at TIMESTAMPTZ,
    CONSTRAINT pk_answers PRIMARY KEY (id),
    CONSTRAINT fk_answers_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipients (id),
    CONSTRAINT fk_answers_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_answers_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id),
    CONSTRAINT label CHECK (label IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'wrong_number', 'question', 'unclear')),
    CONSTRAINT ck_answers_source CHECK (source IN ('sms', 'page', 'officer', 'roster')),
    CONSTRAINT uq_answers_reply_id UNIQUE (reply_id),
    CONSTRAINT fk_answers_reply_id FOREIGN KEY(reply_id) REFERENCES replies (id)
);
CREATE INDEX ix_answers_campaign_id ON answers (campaign_id);
CREATE INDEX ix_answers_drive_only ON answers (phone_id) WHERE drive_only;
CREATE INDEX ix_answers_recipient_id ON answers (recipient_id);
CREATE TABLE campaign_decisions (
    id BIGSERIAL NOT NULL, version_id BIGINT NOT NULL, approved BOOLEAN NOT NULL, reason TEXT NOT NULL,
    decided_by BIGINT NOT NULL, decided_at TIMESTAMPTZ NOT NULL, mailed_at TIMESTAMPTZ,
    CONSTRAINT pk_campaign_decisions PRIMARY KEY (id),
    CONSTRAINT fk_campaign_decisions_version_id FOREIGN KEY(version_id) REFERENCES campaign_versions (id),
    CONSTRAINT fk_campaign_decisions_decided_by FOREIGN KEY(decided_by) REFERENCES users (id)
);
CREATE INDEX ix_campaign_decisions_version_id ON campaign_decisions (version_id);
CREATE TABLE round_lines (
    id BIGSERIAL NOT NULL, round_id BIGINT NOT NULL, n SMALLINT NOT NULL, contact_id BIGINT,
    recipient_id BIGINT NOT NULL, why VARCHAR(24) NOT NULL,
    CONSTRAINT pk_round_lines PRIMARY KEY (id),
    CONSTRAINT uq_round_lines_round_id_n UNIQUE (round_id, n),
    CONSTRAINT fk_round_lines_round_id FOREIGN KEY(round_id) REFERENCES rounds (id),
    CONSTRAINT fk_round_lines_contact_id FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE SET NULL,
    CONSTRAINT fk_round_lines_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipients (id),
    CONSTRAINT ck_round_lines_why CHECK (why IN ('no_phone', 'failed', 'no_answer', 'check'))
);
CREATE INDEX ix_round_lines_contact_id ON round_lines (contact_id);
CREATE INDEX ix_round_lines_recipient_id ON round_lines (recipient_id);
CREATE TABLE round_officers (
    id BIGSERIAL NOT NULL, round_id BIGINT NOT NULL, user_id BIGINT NOT NULL, day VARCHAR(10),
    target SMALLINT, assigned_by BIGINT NOT NULL, assigned_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ,
    CONSTRAINT pk_round_officers PRIMARY KEY (id),
    CONSTRAINT uq_round_officers_round_id_user_id UNIQUE (round_id, user_id),
    CONSTRAINT fk_round_officers_round_id FOREIGN KEY(round_id) REFERENCES rounds (id),
    CONSTRAINT fk_round_officers_user_id FOREIGN KEY(user_id) REFERENCES users (id),
    CONSTRAINT fk_round_officers_assigned_by FOREIGN KEY(assigned_by) REFERENCES users (id)
);
CREATE INDEX ix_round_officers_user_id ON round_officers (user_id);
CREATE TABLE handlings (
    id BIGSERIAL NOT NULL, reply_id BIGINT NOT NULL, label VARCHAR(24) NOT NULL, handled_by BIGINT NOT NULL,
    handled_at TIMESTAMPTZ NOT NULL, answer_id BIGINT, withdrawn_id BIGINT, signature VARCHAR(32),
    undone_at TIMESTAMPTZ,
    CONSTRAINT pk_handlings PRIMARY KEY (id),
    CONSTRAINT fk_handlings_reply_id FOREIGN KEY(reply_id) REFERENCES replies (id),
    CONSTRAINT label CHECK (label IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'wrong_number', 'question', 'unclear')),
    CONSTRAINT fk_handlings_handled_by FOREIGN KEY(handled_by) REFERENCES users (id),
    CONSTRAINT fk_handlings_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT fk_handlings_withdrawn_id FOREIGN KEY(withdrawn_id) REFERENCES answers (id)
);
CREATE INDEX ix_handlings_reply_id ON handlings (reply_id);
CREATE INDEX ix_handlings_signature ON handlings (signature);
CREATE TABLE install_reports (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, phone_id BIGINT NOT NULL,
    recipient_id BIGINT NOT NULL, answer_id BIGINT NOT NULL, source VARCHAR(24) NOT NULL,
    reported_at TIMESTAMPTZ NOT NULL, withdrawn_at TIMESTAMPTZ,
    CONSTRAINT pk_install_reports PRIMARY KEY (id),
    CONSTRAINT fk_install_reports_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_install_reports_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id),
    CONSTRAINT fk_install_reports_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipients (id),
    CONSTRAINT fk_install_reports_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT ck_install_reports_source CHECK (source IN ('sms', 'page', 'officer', 'roster'))
);
CREATE INDEX ix_install_reports_withdrawn ON install_reports (withdrawn_at) WHERE withdrawn_at IS NOT NULL;
CREATE UNIQUE INDEX uq_install_reports_phone ON install_reports (campaign_id, phone_id) WHERE withdrawn_at IS NULL;
CREATE TABLE messages (
    id BIGSERIAL NOT NULL, kind VARCHAR(24) NOT NULL, campaign_id BIGINT, step_id BIGINT,
    recipient_id BIGINT, phone_id BIGINT NOT NULL, answer_id BIGINT, text TEXT, state VARCHAR(24) NOT NULL,
    skip_reason VARCHAR(24), arm SMALLINT, account_id SMALLINT,
    CONSTRAINT pk_messages PRIMARY KEY (id),
    CONSTRAINT messagekind CHECK (kind IN ('step', 'acknowledgement', 'confirmation', 'test')),
    CONSTRAINT fk_messages_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT messagestate CHECK (state IN ('queued', 'sending', 'accepted', 'sent', 'delivered', 'undelivered', 'failed', 'unknown', 'skipped', 'cancelled', 'no_report')),
    CONSTRAINT skipreason CHECK (skip_reason IN ('suppressed', 'answered', 'unreachable', 'deadline', 'held_out', 'cap'))
);
CREATE INDEX ix_messages_progress ON messages (campaign_id, step_id, state, skip_reason);
CREATE INDEX ix_messages_recipient_id ON messages (recipient_id);
CREATE UNIQUE INDEX uq_messages_answer_id ON messages (answer_id) WHERE answer_id IS NOT NULL;
CREATE UNIQUE INDEX uq_messages_phone_id_step_id ON messages (phone_id, step_id);
CREATE TABLE officer_entries (
    answer_id BIGINT NOT NULL, recorded_by BIGINT NOT NULL, place VARCHAR(24) NOT NULL,
    note TEXT DEFAULT '' NOT NULL, changed_smartphone BOOLEAN DEFAULT false NOT NULL,
    had_smartphone BOOLEAN,
    CONSTRAINT pk_officer_entries PRIMARY KEY (answer_id),
    CONSTRAINT fk_officer_entries_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT fk_officer_entries_recorded_by FOREIGN KEY(recorded_by) REFERENCES users (id),
    CONSTRAINT ck_officer_entries_place CHECK (place IN ('home', 'phone', 'meeting', 'roster'))
);
CREATE TABLE round_results (
    id BIGSERIAL NOT NULL, line_id BIGINT NOT NULL, outcome VARCHAR(24), answer_id BIGINT,
    entry SMALLINT NOT NULL, entered_by BIGINT NOT NULL, entered_at TIMESTAMPTZ NOT NULL,
    visited_at TIMESTAMPTZ, undone_at TIMESTAMPTZ, key VARCHAR(36), note VARCHAR(300) DEFAULT '' NOT NULL,
    fate VARCHAR(24), changed_smartphone BOOLEAN DEFAULT false NOT NULL, had_smartphone BOOLEAN,
    CONSTRAINT pk_round_results PRIMARY KEY (id),
    CONSTRAINT fk_round_results_line_id FOREIGN KEY(line_id) REFERENCES round_lines (id),
    CONSTRAINT ck_round_results_outcome CHECK (outcome IN ('installed', 'not_yet', 'no_smartphone', 'need_help', 'refuse', 'opt_out', 'absent', 'call')),
    CONSTRAINT fk_round_results_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT fk_round_results_entered_by FOREIGN KEY(entered_by) REFERENCES users (id),
    CONSTRAINT ck_round_results_fate CHECK (fate IN ('recorded', 'replaced', 'answered', 'visited', 'opted_out', 'gone', 'unknown'))
);
CREATE INDEX ix_round_results_line_id_id ON round_results (line_id, id);
CREATE UNIQUE INDEX uq_round_results_key ON round_results (key);
CREATE TABLE attempts (
    id BIGSERIAL NOT NULL CONSTRAINT pk_attempts PRIMARY KEY, message_id BIGINT NOT NULL, n SMALLINT NOT NULL, phone_id BIGINT NOT NULL,
    stream_id BIGINT NOT NULL, state VARCHAR(24) NOT NULL, account_id SMALLINT DEFAULT 1 NOT NULL,
    worker VARCHAR(60) NOT NULL, body TEXT NOT NULL, segments SMALLINT NOT NULL,
    claimed_at TIMESTAMPTZ NOT NULL, due_at TIMESTAMPTZ, times_absent SMALLINT NOT NULL,
    gateway_id VARCHAR(64), settled_at TIMESTAMPTZ, cause VARCHAR(24), code VARCHAR(24), price_vnd INTEGER,
    CONSTRAINT uq_attempts_message_id_n UNIQUE (message_id, n),
    CONSTRAINT fk_attempts_message_id FOREIGN KEY(message_id) REFERENCES messages (id),
    CONSTRAINT attemptstate CHECK (state IN ('sending', 'unknown', 'absent', 'accepted', 'sent', 'no_report', 'failed', 'undelivered', 'delivered')),
    CONSTRAINT uq_attempts_gateway_id UNIQUE (gateway_id)
);
CREATE INDEX ix_attempts_cap ON attempts (phone_id, claimed_at);
CREATE INDEX ix_attempts_open ON attempts (state, due_at) WHERE state IN ('sending', 'unknown');
CREATE INDEX ix_attempts_silent ON attempts (claimed_at) WHERE state IN ('accepted', 'sent');
CREATE TABLE cases (
    id BIGSERIAL NOT NULL, kind VARCHAR(24) NOT NULL, phone_id BIGINT, recipient_id BIGINT,
    campaign_id BIGINT, organisation_id BIGINT, area_code VARCHAR(10), reply_id BIGINT, answer_id BIGINT,
    opened_at TIMESTAMPTZ NOT NULL, urgent_at TIMESTAMPTZ, alerted_at TIMESTAMPTZ, escalated_at TIMESTAMPTZ,
    taken_by BIGINT, taken_at TIMESTAMPTZ, done_by BIGINT, done_at TIMESTAMPTZ, outcome VARCHAR(24),
    note TEXT DEFAULT '' NOT NULL, result_id BIGINT, message_id BIGINT,
    CONSTRAINT pk_cases PRIMARY KEY (id),
    CONSTRAINT casekind CHECK (kind IN ('help', 'question', 'opt_out', 'unclear', 'unmatched')),
    CONSTRAINT fk_cases_phone_id FOREIGN KEY(phone_id) REFERENCES phones (id),
    CONSTRAINT fk_cases_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipients (id),
    CONSTRAINT fk_cases_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_cases_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id),
    CONSTRAINT fk_cases_area_code FOREIGN KEY(area_code) REFERENCES areas (code),
    CONSTRAINT uq_cases_reply_id UNIQUE (reply_id),
    CONSTRAINT fk_cases_reply_id FOREIGN KEY(reply_id) REFERENCES replies (id),
    CONSTRAINT fk_cases_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id),
    CONSTRAINT fk_cases_taken_by FOREIGN KEY(taken_by) REFERENCES users (id),
    CONSTRAINT fk_cases_done_by FOREIGN KEY(done_by) REFERENCES users (id),
    CONSTRAINT outcome CHECK (outcome IN ('called', 'visited', 'messaged', 'solved', 'unreached', 'classified', 'withdrawn')),
    CONSTRAINT fk_cases_result_id FOREIGN KEY(result_id) REFERENCES answers (id),
    CONSTRAINT fk_cases_message_id FOREIGN KEY(message_id) REFERENCES messages (id)
);
CREATE INDEX ix_cases_done_at ON cases (done_at);
CREATE INDEX ix_cases_open ON cases (opened_at, id) WHERE done_at IS NULL;
CREATE INDEX ix_cases_recipient_id ON cases (recipient_id);
CREATE INDEX ix_cases_urgent ON cases (urgent_at) WHERE urgent_at IS NOT NULL AND done_at IS NULL;
CREATE UNIQUE INDEX uq_cases_help ON cases (recipient_id) WHERE kind = 'help' AND done_at IS NULL;
CREATE TABLE control_copies (
    id BIGSERIAL NOT NULL, campaign_id BIGINT NOT NULL, step INTEGER NOT NULL,
    control_phone_id BIGINT NOT NULL, variant VARCHAR(1) NOT NULL, message_id BIGINT NOT NULL,
    queued_at TIMESTAMPTZ NOT NULL, answered_at TIMESTAMPTZ, came_at TIMESTAMPTZ, look VARCHAR(24),
    CONSTRAINT pk_control_copies PRIMARY KEY (id),
    CONSTRAINT uq_control_copies_campaign_id_step_variant_control_phone_id UNIQUE (campaign_id, step, variant, control_phone_id),
    CONSTRAINT fk_control_copies_campaign_id FOREIGN KEY(campaign_id) REFERENCES campaigns (id),
    CONSTRAINT fk_control_copies_control_phone_id FOREIGN KEY(control_phone_id) REFERENCES control_phones (id),
    CONSTRAINT fk_control_copies_message_id FOREIGN KEY(message_id) REFERENCES messages (id),
    CONSTRAINT controllook CHECK (look IN ('clear', 'garbled', 'cut', 'sender'))
);
CREATE TABLE message_parts (
    gateway_id VARCHAR(64) NOT NULL, attempt_id BIGINT NOT NULL, status VARCHAR(20),
    CONSTRAINT pk_message_parts PRIMARY KEY (gateway_id),
    CONSTRAINT fk_message_parts_attempt_id_attempts FOREIGN KEY(attempt_id) REFERENCES attempts (id)
);
CREATE INDEX ix_message_parts_attempt_id ON message_parts (attempt_id);
INSERT INTO audit_head (id, last_id, hash)
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO write_probes (name, written_at) VALUES ('doctor', CURRENT_TIMESTAMP);
INSERT INTO gateway_accounts
    (name, kind, state, position, url, login, options, senders, operators, prices, has_unicode, proof, rest_reason, changed_at)
    VALUES ('SMS_GATEWAY', 'environment', 'active', 1, '', '', '{}', '[]', '[]', '{}', true, 'operator', '', CURRENT_TIMESTAMP);
"""


def upgrade() -> None:
    connection = op.get_bind()
    tables = _TABLES
    if connection.dialect.name == "sqlite":
        for word, other in _IN_SQLITE.items():
            tables = tables.replace(word, other)
    for statement in tables.split(";")[:-1]:
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "postgresql":
        # Every message passes through the outbox once: it is emptied as fast as it is filled, and claims from its
        # front, so its dead rows must go long before a fifth of it is dead.
        op.execute(
            "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,"
            " autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    for table in reversed(re.findall(r"CREATE TABLE (\w+)", _TABLES)):
        op.drop_table(table)
