-- The sandbox's own file. `at` columns are seconds of the sandbox's clock, `*_ms` columns are milliseconds.

CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS accounts (
    business_id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    is_business_account INTEGER NOT NULL,
    country TEXT NOT NULL,
    bio TEXT NOT NULL DEFAULT ''
);

CREATE TABLE IF NOT EXISTS videos (
    item_id TEXT PRIMARY KEY,
    business_id TEXT NOT NULL REFERENCES accounts,
    caption TEXT NOT NULL,
    create_time INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS grants (
    id INTEGER PRIMARY KEY,
    business_id TEXT NOT NULL REFERENCES accounts,
    scope TEXT NOT NULL,
    requested_scope TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    auth_code TEXT NOT NULL UNIQUE,
    granted_at REAL NOT NULL,
    code_used_at REAL,
    revoked_at REAL
);

CREATE TABLE IF NOT EXISTS tokens (
    access_token TEXT PRIMARY KEY,
    refresh_token TEXT NOT NULL UNIQUE,
    grant_id INTEGER NOT NULL REFERENCES grants,
    access_expires_at REAL NOT NULL,
    refresh_expires_at REAL NOT NULL,
    rotated_at REAL
);

CREATE TABLE IF NOT EXISTS customers (
    id INTEGER PRIMARY KEY,
    unique_identifier TEXT NOT NULL UNIQUE,
    username TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    country TEXT NOT NULL,
    is_follower INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS conversations (
    conversation_id TEXT PRIMARY KEY,
    business_id TEXT NOT NULL REFERENCES accounts,
    customer_id INTEGER NOT NULL REFERENCES customers,
    created_ms INTEGER NOT NULL,
    images_allowed INTEGER,
    typing_until_ms INTEGER NOT NULL DEFAULT 0,
    business_read_ms INTEGER NOT NULL DEFAULT 0,
    customer_read_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (business_id, customer_id)
);

CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversations,
    from_business INTEGER NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    auto_message_type TEXT,
    referenced_message_id TEXT,
    reply_source TEXT,
    withheld INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (conversation_id, timestamp_ms, seq);

CREATE TABLE IF NOT EXISTS reactions (
    message_id TEXT NOT NULL REFERENCES messages (message_id),
    unique_identifier TEXT NOT NULL,
    emoji TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    PRIMARY KEY (message_id, unique_identifier, emoji)
);

CREATE TABLE IF NOT EXISTS referrals (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations,
    source TEXT NOT NULL,
    details TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS media (
    media_id TEXT PRIMARY KEY,
    business_id TEXT NOT NULL REFERENCES accounts,
    uploaded_by_business INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content BLOB NOT NULL,
    created_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS downloads (
    token TEXT PRIMARY KEY,
    media_id TEXT NOT NULL REFERENCES media,
    expires_at REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS webhooks (event_type TEXT PRIMARY KEY, callback_url TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    logid TEXT NOT NULL,
    created_at REAL NOT NULL,
    due_at REAL NOT NULL,
    place INTEGER NOT NULL,
    held INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    finished_at REAL,
    outcome TEXT NOT NULL DEFAULT 'waiting'
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at, place) WHERE finished_at IS NULL;

CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    code INTEGER NOT NULL,
    message TEXT NOT NULL,
    http_status INTEGER NOT NULL,
    seconds REAL NOT NULL,
    after INTEGER NOT NULL,
    remaining INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    messaging INTEGER NOT NULL DEFAULT 0,
    request TEXT,
    fault TEXT,
    done INTEGER NOT NULL DEFAULT 0,
    http_status INTEGER,
    code INTEGER,
    message TEXT,
    message_id TEXT
);
CREATE INDEX IF NOT EXISTS calls_by_time ON calls (at);

-- The ads side (docs/tiktok-api.md 1.7 and 6).

CREATE TABLE IF NOT EXISTS advertisers (advertiser_id TEXT PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS lead_forms (
    page_id TEXT PRIMARY KEY,
    advertiser_id TEXT NOT NULL REFERENCES advertisers,
    title TEXT NOT NULL,
    fields TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS event_sets (
    event_set_id TEXT PRIMARY KEY,
    advertiser_id TEXT NOT NULL REFERENCES advertisers,
    name TEXT NOT NULL,
    create_time INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS ad_grants (
    id INTEGER PRIMARY KEY,
    advertiser_ids TEXT NOT NULL,
    scope TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    auth_code TEXT NOT NULL UNIQUE,
    granted_at REAL NOT NULL,
    access_token TEXT UNIQUE,
    revoked_at REAL
);

CREATE TABLE IF NOT EXISTS subscriptions (
    subscription_id TEXT PRIMARY KEY,
    grant_id INTEGER NOT NULL REFERENCES ad_grants,
    advertiser_id TEXT NOT NULL,
    lead_source TEXT NOT NULL,
    callback_url TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS leads (
    lead_id TEXT PRIMARY KEY,
    advertiser_id TEXT NOT NULL REFERENCES advertisers,
    lead_source TEXT NOT NULL,
    page_id TEXT NOT NULL,
    page_name TEXT NOT NULL,
    ad_id TEXT NOT NULL,
    ad_name TEXT NOT NULL,
    answers TEXT NOT NULL,
    create_time INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS lead_tasks (
    task_id TEXT PRIMARY KEY,
    advertiser_id TEXT NOT NULL,
    ad_id TEXT NOT NULL,
    page_id TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0
);

-- Where a delivery goes that isn't a message's, and in which of TikTok's forms it is written and signed.
CREATE TABLE IF NOT EXISTS lead_deliveries (
    delivery_id INTEGER PRIMARY KEY REFERENCES deliveries,
    callback_url TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS tracked_events (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    advertiser_id TEXT NOT NULL,
    event_set_id TEXT NOT NULL,
    event TEXT NOT NULL,
    event_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    test_event_code TEXT NOT NULL,
    is_repeated INTEGER NOT NULL,
    body TEXT NOT NULL
);
